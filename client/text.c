/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

/*
 * The C library's table of widths is that of a locale. C.UTF-8 it is, whatever the user's: the text
 * is UTF-8 in any case. 0 on systems without it, where each character counts as one column.
 */
static locale_t width_locale(void)
{
    static locale_t locale;
    static bool tried;

    if (!tried)
        locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    tried = true;
    return locale;
}

static size_t character_width(wchar_t character)
{
    locale_t locale = character < 0x80 ? (locale_t)0 : width_locale(), before;
    int width;

    if (!locale)
        return 1;
    before = uselocale(locale);
    width = wcwidth(character);
    uselocale(before);
    return width < 0 ? 1 : (size_t)width;
}

/* Bytes of the character at `text`, which is not at its end; *ret_width: its columns. */
static size_t take_character(const char *text, size_t *ret_width)
{
    const unsigned char *s = (const unsigned char *)text;
    wchar_t character = s[0] < 0xc0 ? s[0] : s[0] & (s[0] < 0xe0 ? 0x1f : s[0] < 0xf0 ? 0x0f : 7);
    size_t length = 1;

    for (; s[0] >= 0xc0 && (s[length] & 0xc0) == 0x80; length++)
        character = character << 6 | (s[length] & 0x3f);
    *ret_width = character_width(character);
    return length;
}

static size_t width_of(const char *text, size_t bytes)
{
    size_t sum = 0, width;

    for (const char *end = text + bytes; text < end; sum += width)
        text += take_character(text, &width);
    return sum;
}

size_t text_width(const char *text)
{
    return width_of(text, strlen(text));
}

size_t text_word_width(const char *text)
{
    size_t longest = 0;

    while (*text) {
        size_t bytes = strcspn(text, " "), width = width_of(text, bytes);

        if (width > longest)
            longest = width;
        text += bytes + strspn(text + bytes, " ");
    }
    return longest;
}

/* Bytes at the beginning of `text` that fit into `columns`, one character at least. */
static size_t fitting(const char *text, size_t columns)
{
    size_t length = 0, sum = 0, width;

    while (text[length]) {
        size_t bytes = take_character(text + length, &width);

        if (sum > 0 && sum + width > columns)
            break;
        length += bytes;
        sum += width;
    }
    return length;
}

/* Bytes before the last blank at or before `text[length]`; 0: none that leaves anything. */
static size_t before_blank(const char *text, size_t length)
{
    while (length > 0 && text[length] != ' ')
        length--;
    while (length > 0 && text[length - 1] == ' ')
        length--;
    return length;
}

struct text_line text_break(const char *text, size_t columns)
{
    struct text_line line = { .bytes = fitting(text, columns) };
    size_t words = text[line.bytes] ? before_blank(text, line.bytes) : 0;

    if (words > 0)
        line.bytes = words;
    line.columns = width_of(text, line.bytes);
    line.rest = text + line.bytes;
    line.rest += strspn(line.rest, " ");
    return line;
}
