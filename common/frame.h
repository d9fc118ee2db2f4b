/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Message framing: one message a line, over a bounded buffer.
 *
 * The newline ends a message; a carriage return before it is ignored by JSON itself. No byte is
 * looked at twice, so that a sender of one byte at a time costs no more than any other. Pure.
 */
#pragma once

#include <stddef.h>

#include "xenshm.h"

/* The buffer of a line that is no longer than that. */
#define FRAME_SMALL 2048

struct frame {
    char *data;     /* owned */
    size_t size;    /* bytes allocated */
    size_t start;   /* first byte that is not consumed */
    size_t end;     /* one past the last byte received */
    size_t scanned; /* bytes before this hold no newline from `start` on */
    size_t limit;   /* longest line, newline not counted */
};

enum {
    FRAME_E_TOO_LONG = 1, /* the line exceeds the limit: the stream cannot go on */
};

/* `limit`: longest line in bytes, e.g. XENSHM_LINE_MAX. */
void frame_init(struct frame *frame, size_t limit);
void frame_clear(struct frame *frame);

/* Gives the buffer back if nothing is left in it. */
void frame_release(struct frame *frame);

/*
 * Room for at least `wanted` further bytes (as far as the limit allows): receive into
 * *ret_buffer at most *ret_room bytes, then call frame_received(). Invalidates lines handed out
 * earlier. Returns 0 or -ENOMEM.
 */
int frame_reserve(struct frame *frame, size_t wanted, char **ret_buffer, size_t *ret_room);
void frame_received(struct frame *frame, size_t bytes);

/*
 * The next complete line, without its newline and not NUL-terminated; *ret_line is NULL when there
 * is none yet. The line stays valid until the next frame_reserve() or frame_clear().
 * Returns 0 or FRAME_E_TOO_LONG.
 */
int frame_next(struct frame *frame, char **ret_line, size_t *ret_length);

/*
 * Hands out what is left behind the last newline, at the end of the input; NULL: nothing. It is as
 * long as a line may be: frame_next() has looked.
 */
char *frame_rest(struct frame *frame, size_t *ret_length);
