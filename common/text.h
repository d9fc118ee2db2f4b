/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A text that grows, and JSON in it.
 *
 * Nothing is checked on the way: what does not find room makes the whole text NULL, which is seen
 * at the end. Pure; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct text {
    char *data; /* owned: text_finish() or free(); NULL: out of memory */
    size_t length;
    size_t size;
};

void text_init(struct text *text);
/* The text, NUL-terminated, for the caller to free; NULL without memory. */
char *text_finish(struct text *text);

void text_put(struct text *text, const char *bytes, size_t length);
void text_put_char(struct text *text, char c);
void text_puts(struct text *text, const char *string);
void text_put_integer(struct text *text, int64_t number);
void text_put_hex(struct text *text, uint64_t number); /* "0x..." */
/* A JSON string of these bytes, which are valid UTF-8. */
void text_put_string(struct text *text, const char *string, size_t length);
