/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* noticed by: clang-tidy */
#include <stdbool.h>
#include <string.h>

bool planted(const char *name);

bool planted(const char *name)
{
    return strcmp(name, "dom0") || strcmp(name, "Domain-0") == -1;
}
