/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* noticed by: gcc */
#include <stdlib.h>

int *planted(size_t count);

int *planted(size_t count)
{
    int *numbers = calloc(count, sizeof(*numbers));

    numbers[0] = 1;
    return numbers;
}
