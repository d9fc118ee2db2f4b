/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The builder's end of the conversation that builder.h describes: lines on BUILDER_FD. One thread.
 */
#pragma once

#include <jansson.h>

#include "error.h"
#include "frame.h"

struct conversation {
    struct frame frame;
};

enum {
    CONVERSATION_E_OVER = 1, /* the daemon has hung up: there is nobody to work for */
};

/* Prepares BUILDER_FD. Returns 0, or -ENOTSOCK: it is no socket. */
int conversation_open(struct conversation *conversation);
void conversation_close(struct conversation *conversation);
/*
 * Waits for the daemon's next line, an object. Returns 0, CONVERSATION_E_OVER, or error->code: the
 * line cannot be understood.
 */
int conversation_hear(struct conversation *conversation, json_t **ret_line, struct error *error);
/* Says one line; `line` is stolen. Returns 0, or CONVERSATION_E_OVER. */
int conversation_say(json_t *line);
/* Says a refusal. */
void conversation_refuse(const struct error *error);

/* "the daemon's request is not understood: ..." into *error; returns error->code. */
int conversation_misunderstood(struct error *error, const char *why);
