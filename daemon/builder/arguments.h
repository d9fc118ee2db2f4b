/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest's kernel is told about the compatible string of its UIO devices. Pure. */
#pragma once

#include <stdbool.h>

#include "devtree.h"

#define ARGUMENTS_COMPATIBLE_SIZE (DEVTREE_COMPATIBLE_MAX + 1)

/* What the last uio_pdrv_genirq.of_id= says. Returns false if there is none. */
bool arguments_compatible(const char *cmdline, char compatible[static ARGUMENTS_COMPATIBLE_SIZE]);
/* `cmdline` (NULL: none) with uio_pdrv_genirq.of_id=compatible; to be freed. NULL: no memory. */
char *arguments_with_compatible(const char *cmdline, const char *compatible);
