/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The params of a call in the making. The first thing that goes wrong is remembered, and the call
 * then fails with it, so that callers add one after another and look once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct xenshm;
struct xenshm_share;

struct arguments {
    json_t *params;    /* owned until the call */
    int failure;       /* -ENOMEM, -EINVAL, -E2BIG; 0: none */
    const char *key;   /* with -EINVAL and -E2BIG: what is wrong, */
    const char *wrong; /* and with it */
};

void arguments_begin(struct arguments *arguments);

/* A member of the params. NULL, 0 and false add nothing: the daemon's default holds. */
void arguments_text(struct arguments *arguments, const char *key, const char *text);
void arguments_number(struct arguments *arguments, const char *key, uint64_t number);
void arguments_flag(struct arguments *arguments, const char *key, bool flag);
/* `count` texts; none of them is an empty array. */
void arguments_texts(struct arguments *arguments, const char *key, const char *const *texts,
                     size_t count);
/* JSON text, parsed; with `key` NULL it is the params themselves. */
void arguments_json(struct arguments *arguments, const char *key, const char *text);
/* A share's members among the params. */
void arguments_share(struct arguments *arguments, const struct xenshm_share *share);
/* An array of shares. */
void arguments_shares(struct arguments *arguments, const char *key,
                      const struct xenshm_share *const *shares, size_t count);

/*
 * Copies a caller's struct of options, whose first member is its size, to one of `size` bytes: what
 * the caller's version of it lacks is zero. NULL counts as all zero.
 */
void arguments_options(struct arguments *arguments, const void *options, void *target, size_t size);

/* Calls `method` with them, and frees them in any case; see call_method() in library.h. */
int arguments_call(struct xenshm *connection, const char *method, struct arguments *arguments,
                   json_t **ret_result);
/* The same with the result as JSON text. */
int arguments_call_text(struct xenshm *connection, const char *method, struct arguments *arguments,
                        char **ret_text);
