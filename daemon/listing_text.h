/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A long text that several replies have in common: kept once, until the last of them is sent. The
 * newest of its kind is part of the daemon's work; an older one counts as memory that clients
 * which do not read make the daemon keep. One thread.
 */
#pragma once

#include <stddef.h>

struct budget;
struct evbuffer;
struct listing_text;

/* Shorter ones are copied: that is cheaper than keeping them together. */
#define LISTING_TEXT_SHORT 4096

/*
 * Takes `data` (of malloc()) over, also on failure. `watch`, which is to stay, becomes NULL when
 * the text goes. Returns it with one reference, or NULL without memory.
 */
struct listing_text *listing_text_new(char *data, size_t length, struct budget *budget,
                                      struct listing_text **watch);
/* NULL is taken. Returns NULL. */
struct listing_text *listing_text_unref(struct listing_text *text);
/* There is a newer one of its kind; NULL is taken. */
void listing_text_supersede(struct listing_text *text);
/* One more reference if it has this content already, else NULL. NULL is taken. */
struct listing_text *listing_text_same(struct listing_text *text, const char *data, size_t length);
/* Appends it to a buffer, by reference if it is long. Returns 0, or -ENOMEM. */
int listing_text_append(struct listing_text *text, struct evbuffer *buffer, size_t *ret_shared);
