/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The red-black trees of BSD (libbsd's header; nothing is linked). See queue(3), tree(3). */
#pragma once

#include <bsd/sys/tree.h>

/* RB_GENERATE_STATIC wants a name for the attribute that only the BSDs' C libraries define. */
#define TREE_GENERATE(name, type, field, compare)                                                  \
    RB_GENERATE_INTERNAL(name, type, field, compare, __attribute__((unused)) static)
