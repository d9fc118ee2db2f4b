/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* noticed by: clang-tidy */
#include <stdio.h>

void planted(const char *name);

void planted(const char *name)
{
    rename("new", name);
}
