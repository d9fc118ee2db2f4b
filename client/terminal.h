/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the terminal at stdout can show. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define TERMINAL_COLUMNS_MIN 20
#define TERMINAL_COLUMNS_MAX 1000

/*
 * Columns of a line: those of COLUMNS, of the terminal, or 80; within the limits above, whatever
 * these say.
 */
size_t terminal_columns(void);

/* True when the user's locale says that its characters are UTF-8. */
bool terminal_utf8(void);
