/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* noticed by: clang-tidy */
int planted(int limit);

static int find(int limit, int *ret_found)
{
    if (limit > 10)
        return -1;
    *ret_found = limit;
    return 0;
}

int planted(int limit)
{
    int found;

    find(limit, &found);
    return found + 1;
}
