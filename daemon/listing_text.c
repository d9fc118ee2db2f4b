/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listing_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "budget.h"

struct listing_text {
    size_t references;
    char *data; /* owned */
    size_t length;
    bool superseded; /* it counts in `budget` */
    struct budget *budget;
    struct listing_text **watch; /* NULL: superseded */
};

struct listing_text *listing_text_new(char *data, size_t length, struct budget *budget,
                                      struct listing_text **watch)
{
    struct listing_text *text = malloc(sizeof(*text));

    if (!text) {
        free(data);
        return NULL;
    }
    *text = (struct listing_text){
        .references = 1,
        .data = data,
        .length = length,
        .budget = budget,
        .watch = watch,
    };
    *watch = text;
    return text;
}

struct listing_text *listing_text_unref(struct listing_text *text)
{
    if (!text || --text->references > 0)
        return NULL;
    if (text->superseded)
        budget_subtract(text->budget, text->length);
    else
        *text->watch = NULL;
    free(text->data);
    free(text);
    return NULL;
}

void listing_text_supersede(struct listing_text *text)
{
    if (!text)
        return;
    text->superseded = true;
    budget_add(text->budget, text->length);
}

struct listing_text *listing_text_same(struct listing_text *text, const char *data, size_t length)
{
    if (!text || text->length != length || memcmp(text->data, data, length) != 0)
        return NULL;
    text->references++;
    return text;
}

/* For libevent: the reply has been sent. */
static void sent(const void *data, size_t length, void *context)
{
    listing_text_unref(context);
}

int listing_text_append(struct listing_text *text, struct evbuffer *buffer, size_t *ret_shared)
{
    *ret_shared = 0;
    if (text->length < LISTING_TEXT_SHORT)
        return evbuffer_add(buffer, text->data, text->length) < 0 ? -ENOMEM : 0;
    if (evbuffer_add_reference(buffer, text->data, text->length, sent, text) < 0)
        return -ENOMEM;
    text->references++;
    *ret_shared = text->length;
    return 0;
}
