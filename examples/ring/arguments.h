/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers on the command line of both programs. */
#pragma once

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define DEFAULT_MESSAGES 1000
#define DEFAULT_PATIENCE 30

/* Ends the program when it is none, or is larger than `limit`. */
static inline uint64_t number_argument(const char *text, uint64_t limit)
{
    uint64_t value;
    char *end;

    errno = 0;
    value = strtoull(text, &end, 0);
    if (*text < '0' || *text > '9' || *end || errno || value > limit)
        errx(2, "'%s' is not a number up to %llu", text, (unsigned long long)limit);
    return value;
}
