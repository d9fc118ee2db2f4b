/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shell_word.h"

#include <string.h>

#define ORDINARY "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:,+-"

/*
 * fish gives a backslash between single quotes a meaning, other shells do not: so it stands outside
 * of them, as the quote itself does. csh looks for `!` between quotes, too, unless a backslash
 * stands before it; and a word that begins with '=' is something else for zsh.
 */
void shell_word_print(FILE *out, const char *word)
{
    if (*word && strspn(word, ORDINARY) == strlen(word)) {
        fputs(word, out);
        return;
    }
    putc('\'', out);
    for (; *word; word++)
        if (strchr("'\\!", *word))
            fprintf(out, "'\\%c'", *word);
        else
            putc(*word, out);
    putc('\'', out);
}
