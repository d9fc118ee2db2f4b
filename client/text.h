/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text as a terminal lays it out: in columns, of which a character takes none, one or two. The text
 * is what utf8_make_printable() left.
 */
#pragma once

#include <stddef.h>

/* Columns that the text takes. */
size_t text_width(const char *text);

/* Columns that its longest word takes, words being what blanks part. */
size_t text_word_width(const char *text);

/* One line of a longer text. */
struct text_line {
    size_t bytes;     /* its length in the text */
    size_t columns;   /* what it takes on a terminal */
    const char *rest; /* what is left for the next line, blanks before it skipped */
};

/*
 * The first line of `text` when it is broken into lines of at most `columns`: before the last blank
 * that leaves one, otherwise in the middle of a word, after one character at least.
 */
struct text_line text_break(const char *text, size_t columns);
