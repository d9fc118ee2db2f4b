/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <stdbool.h>
#include <stdio.h>
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

void text_format(struct text *text, const char *format, ...)
{
    char buffer[256];
    va_list ap;

    va_start(ap, format);
    vsnprintf(buffer, sizeof(buffer), format, ap);
    va_end(ap);
    text_put(text, buffer, strlen(buffer));
}

static bool is_plain(char c)
{
    return (unsigned char) c >= 0x20 && c != '"' && c != '\\';
}

static void put_escaped(struct text *text, char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *known = c ? strchr(from, c) : NULL;

    if (known)
        text_format(text, "\\%c", to[known - from]);
    else
        text_format(text, "\\u%04X", (unsigned char) c);
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
