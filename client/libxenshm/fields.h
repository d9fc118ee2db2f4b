/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Results as C structs: a table of fields a struct, one decoder for all.
 *
 * A struct and everything that it points to are one block of memory, so that one free() ends them
 * all: the decoder goes over the JSON twice, first to count, then to fill. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* What a member is on the wire -> in the struct. */
enum field_type {
    FIELD_TEXT,    /* string -> const char *; NULL when absent */
    FIELD_NUMBER,  /* integer not below 0 -> uint64_t */
    FIELD_INTEGER, /* integer -> int64_t */
    FIELD_REAL,    /* number -> double */
    FIELD_ADDRESS, /* "0x..." -> uint64_t */
    FIELD_FLAG,    /* -> bool */
    FIELD_JSON,    /* anything -> const char *, its text; NULL when absent */
    FIELD_INSIDE,  /* object -> struct within the struct, of `shape`; at 0: the struct itself */
    FIELD_OBJECT,  /* object -> pointer to a struct of `shape`; NULL when absent */
    FIELD_OBJECTS, /* array of objects -> array of pointers to structs of `shape`, and their count
                    */
    FIELD_TEXTS,   /* array of strings -> array of const char *, and their count */
};

struct field {
    const char *name; /* on the wire; NULL ends the table */
    enum field_type type;
    size_t offset;
    size_t count_offset; /* of the size_t beside an array */
    const struct shape *shape;
    bool optional; /* absent or null: the member is zero, an array empty */
};

struct shape {
    size_t size;
    const struct field *fields;
};

/* clang-format off */
#define FIELD(type, structure, member)                                                             \
    { #member, type, offsetof(structure, member), 0, NULL, false }
#define FIELD_MAYBE(type, structure, member)                                                       \
    { #member, type, offsetof(structure, member), 0, NULL, true }
#define FIELD_STRUCT(type, structure, member, shape, optional)                                     \
    { #member, type, offsetof(structure, member), 0, shape, optional }
#define FIELD_ARRAY(type, name, structure, member, count, shape, optional)                         \
    { name, type, offsetof(structure, member), offsetof(structure, count), shape, optional }
#define FIELD_END { NULL, FIELD_TEXT, 0, 0, NULL, false }
/* clang-format on */

/*
 * `ret_struct` is the address of a pointer to the struct: a new block, for free(). Returns 0,
 * -ENOMEM or -EPROTO; then *ret_wrong is the name of the member that is missing or of another kind.
 */
int fields_decode(const struct shape *shape, const json_t *object, void *ret_struct,
                  const char **ret_wrong);
