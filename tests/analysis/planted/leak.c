/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* noticed by: gcc */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int planted(const char *text, char **ret_copy);

int planted(const char *text, char **ret_copy)
{
    char *copy = strdup(text);

    if (!copy)
        return -ENOMEM;
    if (strlen(copy) > 63)
        return -EINVAL;
    *ret_copy = copy;
    return 0;
}
