/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Most texts fit. */
#define TEXT_START 512

void text_init(struct text *text)
{
    *text = (struct text){ .data = malloc(TEXT_START), .size = TEXT_START };
}

/* Room for `more` bytes and the NUL. */
static bool reserve(struct text *text, size_t more)
{
    size_t size = text->size;
    char *data;

    if (!text->data)
        return false;
    if (more < size - text->length)
        return true;
    while (size - text->length <= more)
        size *= 2;
    data = realloc(text->data, size);
    if (!data)
        free(text->data);
    text->data = data;
    text->size = size;
    return data;
}

char *text_finish(struct text *text)
{
    if (text->data)
        text->data[text->length] = '\0';
    return text->data;
}

void text_put(struct text *text, const char *bytes, size_t length)
{
    if (!reserve(text, length))
        return;
    memcpy(text->data + text->length, bytes, length);
    text->length += length;
}

void text_put_char(struct text *text, char c)
{
    text_put(text, &c, 1);
}

void text_puts(struct text *text, const char *string)
{
    text_put(text, string, strlen(string));
}

/* By hand: printf would be most of what it costs to write a file of the store. */
static void put_number(struct text *text, uint64_t number, unsigned base)
{
    char digits[20], *at = digits + sizeof(digits);

    do {
        *--at = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    text_put(text, at, (size_t) (digits + sizeof(digits) - at));
}

void text_put_integer(struct text *text, int64_t number)
{
    if (number < 0)
        text_put_char(text, '-');
    put_number(text, number < 0 ? -(uint64_t) number : (uint64_t) number, 10);
}

void text_put_hex(struct text *text, uint64_t number)
{
    text_puts(text, "0x");
    put_number(text, number, 16);
}

static bool is_plain(char c)
{
    return (unsigned char) c >= 0x20 && c != '"' && c != '\\';
}

static void put_escaped(struct text *text, char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *known = c ? strchr(from, c) : NULL;

    if (known) {
        text_put_char(text, '\\');
        text_put_char(text, to[known - from]);
    } else {
        text_puts(text, (unsigned char) c < 0x10 ? "\\u000" : "\\u001");
        text_put_char(text, "0123456789ABCDEF"[c & 15]);
    }
}

void text_put_string(struct text *text, const char *string, size_t length)
{
    const char *end = string + length;

    text_put_char(text, '"');
    while (string < end) {
        const char *plain = string;

        while (string < end && is_plain(*string))
            string++;
        text_put(text, plain, (size_t) (string - plain));
        if (string < end)
            put_escaped(text, *string++);
    }
    text_put_char(text, '"');
}
