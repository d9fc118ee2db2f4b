/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "suboperation.h"

#include <stdlib.h>

struct suboperation *suboperation_new(struct operation *parent)
{
    struct suboperation *suboperation = calloc(1, sizeof(*suboperation));

    if (suboperation)
        suboperation->parent = parent;
    return suboperation;
}

static void suboperation_free(struct suboperation *suboperation)
{
    json_decref(suboperation->result);
    free(suboperation);
}

void suboperation_done(void *context, json_t *result, const struct error *error)
{
    struct suboperation *suboperation = context;

    suboperation->ended = true;
    suboperation->result = result;
    suboperation->error = *error;
    if (suboperation->parent)
        operation_wake(suboperation->parent);
    else
        suboperation_free(suboperation);
}

struct suboperation *suboperation_drop(struct suboperation *suboperation)
{
    if (!suboperation)
        return NULL;
    suboperation->parent = NULL;
    if (suboperation->ended)
        suboperation_free(suboperation);
    return NULL;
}
