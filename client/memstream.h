/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts that are written with stdio, by open_memstream(). */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Closes the stream that open_memstream(text, ...) began. Returns its text, which the caller frees;
 * NULL without memory, then *text is freed and NULL as well.
 */
static inline char *memstream_end(FILE *out, char **text)
{
    bool failed = ferror(out);

    if (fclose(out) != 0 || failed) {
        free(*text);
        *text = NULL;
    }
    return *text;
}
