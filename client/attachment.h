/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The line that says what is where, after attach and create. */
#pragma once

#include <jansson.h>

/* "guest1-0: 4 KiB at 0x3a000000 in guest1 (host 0x7ffff000)". Returns 0 or -ENOMEM. */
int attachment_print(const json_t *attachment);
