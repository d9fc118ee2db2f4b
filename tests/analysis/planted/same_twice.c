/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* noticed by: clang-tidy cppcheck */
#include <stdbool.h>

bool planted(int first, int last);

bool planted(int first, int last)
{
    return first >= 0 && first >= 0 && last > first;
}
