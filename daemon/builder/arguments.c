/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's arguments are read and written as Dom0's are. */
#include "arguments.h"

#include "devtree_private.h"

bool arguments_compatible(const char *cmdline, char compatible[static ARGUMENTS_COMPATIBLE_SIZE])
{
    return arguments_of_id(cmdline, compatible);
}

char *arguments_with_compatible(const char *cmdline, const char *compatible)
{
    return arguments_with_of_id(cmdline ? cmdline : "", compatible);
}
