/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Objects of the state as JSON, in the shapes of docs/protocol.md.
 *
 * All return a new reference, or NULL without memory; nothing is changed. One thread.
 */
#pragma once

#include <jansson.h>

#include "schema.h"
#include "state.h"

/*
 * Appends `object` (stolen; may be NULL) to *array. Without memory *array becomes NULL and stays
 * it: nothing is ever left out in silence.
 */
void describe_append(json_t **array, json_t *object);
json_t *describe_name(const char *name);    /* of a domain: it comes from outside */
json_t *describe_address(uint64_t address); /* "0x7ffff000" */
json_t *describe_attachment(const struct attachment *attachment);
/* Without `except` (NULL: with all attachments). */
json_t *describe_segment(const struct segment *segment, const struct attachment *except);
/* The same with what is not in its store file: state, progress, who clashes, how often it
 * is open. */
json_t *describe_segment_status(const struct segment *segment, const struct state *state);
/* Without its attachments, which may be many. */
json_t *describe_guest(const struct guest *guest, const struct state *state);
/* A standing order: the segment that it keeps, its guests, and what stands in its way. */
json_t *describe_order(const struct order *order);
json_t *describe_pool(const struct state_pool *pool);
/* "free" and so on. */
const char *describe_run_state(enum pool_state state);
/* A run of a pool, from the frame `first` on if it begins before that. */
json_t *describe_run(const struct state *state, const struct state_pool *pool,
                     const struct pool_run *run, mfn_t first);

/* The shapes of all that, for components/schemas of rpc.discover: a table. */
extern const struct schema describe_components[];
/* The objects of events, by type: a table. */
extern const struct schema describe_event_objects[];
