/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Field tables: a method's parameters, decoded into a struct of its own.
 *
 * Each method has one table. From it come the decoding, the refusals (a field that is unknown,
 * missing or of the wrong kind) and the description in rpc.discover, so that they cannot differ.
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "error.h"

/* What a field is on the wire -> in the struct. Absent fields leave zeros. */
enum params_type {
    PARAMS_STRING,  /* string -> const char *, borrowed from the request */
    PARAMS_NAME,    /* segment name, [A-Za-z0-9][A-Za-z0-9._-]{0,62} -> const char * */
    PARAMS_GUEST,   /* name, domid or UUID: string or integer -> char[PARAMS_GUEST_MAX] */
    PARAMS_SIZE,    /* bytes, integer above 0 -> uint64_t */
    PARAMS_INTEGER, /* integer not below 0 -> uint64_t */
    PARAMS_BOOL,    /* -> bool */
    PARAMS_ADDRESS, /* "0x..." -> struct params_address */
    PARAMS_PLACE,   /* "0x..." or "identity" -> struct params_address */
    PARAMS_STRINGS, /* array of strings -> json_t *, borrowed from the request */
    PARAMS_JSON,    /* anything -> json_t *, borrowed from the request */
};

#define PARAMS_GUEST_MAX 256

struct params_address {
    enum { PARAMS_ADDRESS_NONE, PARAMS_ADDRESS_IDENTITY, PARAMS_ADDRESS_GIVEN } kind;
    uint64_t value;
};

struct params_field {
    const char *name; /* NULL ends the table */
    enum params_type type;
    size_t offset;
    bool required;
    const char *text; /* one line for rpc.discover */
};

/* clang-format off */
#define PARAMS_FIELD(type, structure, member, required, text)                                      \
    { #member, type, offsetof(structure, member), required, text }
#define PARAMS_END { NULL, 0, 0, false, NULL }
/* clang-format on */

/* The longest segment name, its NUL not counted. */
#define PARAMS_NAME_MAX 63
bool params_name_valid(const char *name);

/*
 * Decodes `params` (NULL: none given) into `structure`, which the caller has zeroed. What it
 * borrows lives as long as `params`. Returns 0, or error->code (MESSAGE_INVALID_PARAMS) with the
 * field named; the structure is then not to be used.
 */
int params_decode(const struct params_field *fields, json_t *params, void *structure,
                  struct error *error);

/* "0x..." -> number: 1 to 16 hexadecimal digits. Returns 0 or -EINVAL. */
int params_parse_address(const char *text, uint64_t *ret_value);

/* The JSON Schema of one field, as text. */
const char *params_schema(const struct params_field *field);
