/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* noticed by: cppcheck */
int planted(void);

int planted(void)
{
    int numbers[4] = { 1, 2, 3, 4 }, sum = 0;

    for (int i = 0; i <= 4; i++)
        sum += numbers[i];
    return sum;
}
