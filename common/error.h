/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Results and refusals.
 *
 * Functions return 0 when done, a negative errno when the environment failed (passed up
 * unchanged), and a positive value for a documented refusal that the direct caller must handle.
 * A refusal that reaches a client is an `error`: a stable code with a line of text that names the
 * object and the rule. Pure; one thread per object.
 */
#pragma once

#include <stddef.h>

#include "xenshm.h"

#define ERROR_MESSAGE_MAX 320

/* A refusal on its way to a client. code 0: none. */
struct error {
    int code;                        /* enum xenshm_error, or a JSON-RPC code below 0 */
    char message[ERROR_MESSAGE_MAX]; /* one line, valid UTF-8 */
    char hint[200];                  /* empty: the general hint of the code */
};

/* Every kind of error, those of JSON-RPC 2.0 included. */
struct error_kind {
    int code;
    const char *name;
    const char *hint; /* the general remedy */
};
#define ERROR_KIND_ONE(name, code, hint) +1
enum { ERROR_KINDS = 5 XENSHM_ERRORS(ERROR_KIND_ONE) };
#undef ERROR_KIND_ONE
extern const struct error_kind error_kinds[ERROR_KINDS];

/* "POOL_FULL" for XENSHM_POOL_FULL; names for the JSON-RPC codes too; NULL if there is none. */
const char *error_name(int code);
/* The code of a stable name, standard ones included; 0: no such name. */
int error_code(const char *name);
/* The general remedy of a code; "" if there is none. */
const char *error_hint(int code);

/*
 * Fills *error (its first refusal wins: an error that is already set is kept) and returns `code`,
 * so that a check reads `return error_set(error, XENSHM_POOL_FULL, "pool '%s' ...", name);`.
 * Text longer than the field is cut at a character boundary; bytes that are not UTF-8 and control
 * characters become '?'.
 */
int error_set(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Replaces the general hint by one that fits this case; returns error->code. */
int error_set_hint(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
