/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON Schemas of results, written as tables beside what makes the results.
 *
 * rpc.discover turns the tables into what it tells; tests hold them against what the daemon really
 * sends. Parameters have their own tables, see params.h. Pure; any thread.
 */
#pragma once

#include <jansson.h>

enum schema_type {
    SCHEMA_ANY,
    SCHEMA_STRING,
    SCHEMA_BOOLEAN,
    SCHEMA_NUMBER,
    SCHEMA_INTEGER,   /* not below 0 */
    SCHEMA_SIZE,      /* bytes, not below 0 */
    SCHEMA_ADDRESS,   /* "0x7ffff000" */
    SCHEMA_UUID,      /* with lower-case digits and hyphens */
    SCHEMA_TIME,      /* RFC 3339 */
    SCHEMA_TEXTS,     /* object: text by name */
    SCHEMA_OBJECT,    /* see members */
    SCHEMA_REFERENCE, /* see reference */
};

/* How a member is there: any of these together. */
enum {
    SCHEMA_OPTIONAL = 1,
    SCHEMA_NULLABLE = 2,
    SCHEMA_LIST = 4, /* an array of it */
};

/* A member of an object, or a value that stands alone. */
struct schema {
    const char *name; /* NULL: it stands alone; in a table: its end */
    enum schema_type type;
    unsigned how;
    const char *text;             /* one line; may be NULL */
    const struct schema *members; /* of SCHEMA_OBJECT: a table; NULL: it has none */
    const char *reference;        /* of SCHEMA_REFERENCE: a name in components/schemas */
    const char *const *values;    /* of SCHEMA_STRING: all that it can be, then NULL; NULL: any */
};

/*
 * The whole result of a method: one object of components/schemas, one with these
 * members, or one without any.
 */
#define SCHEMA_OF(component)                                                                       \
    {                                                                                              \
        NULL, SCHEMA_REFERENCE, .reference = component                                             \
    }
#define SCHEMA_WITH(table)                                                                         \
    {                                                                                              \
        NULL, SCHEMA_OBJECT, .members = table                                                      \
    }
#define SCHEMA_EMPTY                                                                               \
    {                                                                                              \
        NULL, SCHEMA_OBJECT                                                                        \
    }

/* JSON Schema (draft 7). New reference, or NULL without memory. */
json_t *schema_json(const struct schema *schema);
