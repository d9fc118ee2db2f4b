/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* noticed by: gcc */
#include <stdlib.h>
#include <string.h>

size_t planted(const char *text);

size_t planted(const char *text)
{
    char *copy = strdup(text);
    size_t length = copy ? strlen(copy) : 0;

    free(copy);
    return length > 0 ? (size_t)copy[0] : 0;
}
