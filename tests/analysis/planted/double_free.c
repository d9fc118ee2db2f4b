/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* noticed by: gcc cppcheck */
#include <stdlib.h>

void planted(size_t size);

void planted(size_t size)
{
    char *bytes = malloc(size);

    if (size > 4096)
        free(bytes);
    free(bytes);
}
