/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A whole daemon on the simulated hypervisor, in this thread, with clients whose requests come out
 * of the bytes of an input: see fuzz_requests.c. Shared by its parts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "connection.h"
#include "state.h"

/* One step of an input: what to do, by whom, with what. */
#define RECORD 12
struct record {
    uint8_t what, who, method;
    uint8_t choices[RECORD - 3];
};

/* ---- requests_clock.c */

void requests_clock_reset(void);
/* Each look at the clock takes so long. */
void requests_clock_tick(uint64_t microseconds);
void requests_clock_advance(uint64_t milliseconds);

/* ---- requests_text.c: a request by its method's table of fields */

/* The simulator's methods, but for those that would end this process or write into pools. */
const struct method *requests_sim_methods(void);
/* A new reference; id 0: a notification. */
json_t *requests_make(const struct record *record, json_int_t id);

/* ---- requests_client.c: a client counts what it is owed */

#define CLIENTS 4
#define OWED_MAX 512
struct client {
    int fd;        /* -1: not connected */
    bool deaf;     /* it does not read */
    bool was_deaf; /* so it may have been cut off */
    bool finished; /* it sends no more */
    bool wild;     /* it has sent what is not ours: only what comes is looked at */
    json_int_t last_id;
    json_int_t owed[OWED_MAX];
    size_t owed_count;
    char *input; /* received, not yet a line; room for good */
    size_t input_length;
};

void client_connect(struct client *client, struct connections *connections,
                    const struct record *record);
void client_hang_up(struct client *client);
void client_finish(struct client *client);
/* Sends one request, or (`count` > 1) a batch of them. */
void client_request(struct client *client, const struct record *records, size_t count);
/* Any bytes. */
void client_send(struct client *client, const void *bytes, size_t length);
/* Takes what is there. Returns whether there was anything. */
bool client_read(struct client *client);
/* With nothing under way: each request has had its reply. */
void client_check(const struct client *client);

/* ---- requests_builder.c: builders in this thread */

/* What the next builder does wrong, in one of its lines. */
enum builder_trouble {
    BUILDER_HONEST,
    BUILDER_GARBAGE,
    BUILDER_DONE,
    BUILDER_NONSENSE,
    BUILDER_TALKS,
    BUILDER_LIST,
    BUILDER_REFUSES,
    BUILDER_DIES,
    BUILDER_DIES_AFTER, /* its work is done, and nobody hears of it */
    BUILDER_HANGS,
    BUILDER_TROUBLES,
};
/* Another world; no builder is left of the one before. */
void requests_builders_reset(struct hypervisor *hypervisor);
/* After so many lines that builders hear. */
void requests_builders_plan(enum builder_trouble what, unsigned after);
/* Lets them work. Returns whether there was anything to do. */
bool requests_builders_turn(void);

/* ---- requests_rules.c: what must be so */

/* At any time: runs cover the pools, segments own theirs, lists and counts agree. */
void rules_check_model(struct state *state);
/*
 * With nothing under way, no fault to come and a fresh look at the domains: pool, store and
 * hypervisor agree.
 */
void rules_check_world(struct state *state, const char *folder);
/* New segments have nothing but zeros; then they get something else. */
void rules_check_wiped(struct state *state);
/* A new world: every page of every pool gets something else than zeros. */
void rules_soil(struct hypervisor *hypervisor);
