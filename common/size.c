/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "size.h"

#include <stdio.h>

static int unit_shift(char unit)
{
    switch (unit) {
    case '\0':
        return 0;
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    default:
        return -1;
    }
}

int size_parse(const char *text, uint64_t *ret_bytes)
{
    uint64_t value = 0;
    const char *s = text;
    int shift, too_large = 0;

    for (; *s >= '0' && *s <= '9'; s++) {
        if (value > (SIZE_LIMIT - (uint64_t)(*s - '0')) / 10)
            too_large = 1;
        else
            value = value * 10 + (uint64_t)(*s - '0');
    }
    shift = unit_shift(*s);
    if (s == text || shift < 0 || (*s && s[1]))
        return SIZE_E_SYNTAX;
    if (too_large || value > SIZE_LIMIT >> shift)
        return SIZE_E_RANGE;
    if (value == 0)
        return SIZE_E_ZERO;
    *ret_bytes = value << shift;
    return 0;
}

const char *size_format(uint64_t bytes, char buffer[static SIZE_TEXT_MAX])
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned unit = 0, whole, tenths;

    while (unit + 1 < sizeof(units) / sizeof(units[0]) && bytes >> (10 * (unit + 1)))
        unit++;
    whole = (unsigned)(bytes >> (10 * unit));
    /* The remainder below the unit is under 2^60: its tenfold fits. */
    tenths = (unsigned)(((bytes & ((UINT64_C(1) << (10 * unit)) - 1)) * 10) >> (10 * unit));
    if (tenths)
        snprintf(buffer, SIZE_TEXT_MAX, "%u.%u %s", whole, tenths, units[unit]);
    else
        snprintf(buffer, SIZE_TEXT_MAX, "%u %s", whole, bytes == 1 ? "byte" : units[unit]);
    return buffer;
}
