/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A builder at work for an operation, which is parked while it waits for a reply. Counts how many
 * there are at once. One thread.
 */
#pragma once

#include "builder.h"
#include "state.h"

struct building {
    struct operation *operation;
    struct builder *builder; /* NULL: none */
    bool waiting;            /* for a reply */
    json_t *reply;           /* NULL: see error */
    struct error error;
};

/* May another builder start? If not, the operation is to sleep. */
bool building_possible(const struct state *state);
/* Starts a builder with its first line (stolen). Returns 0, or a refusal in *error. */
int building_start(struct building *building, struct operation *operation, json_t *request,
                   struct error *error);
/* Its next line (stolen), after a reply. One that has died meanwhile has its error as reply. */
void building_say(struct building *building, json_t *line);
/* Ends it if it is there, and drops its last reply. */
void building_clear(struct building *building);
/* It has done what it was started for, and is not asked for more. */
void building_dismiss(struct building *building);
