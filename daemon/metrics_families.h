/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The families that daemon.metrics tells. Each has a row in a table, from which its lines come.
 *
 * Labels come from tables of our own, so that their number is bounded. One thread.
 */
#pragma once

#include "dispatch.h"
#include "exposition.h"

struct metrics_family {
    struct exposition_family family; /* name NULL: the table ends */
    void (*samples)(FILE *out, const struct exposition_family *family,
                    const struct dispatcher *dispatcher);
};

/* The head of a function that writes the samples of a family. */
#define METRICS_SAMPLES(name)                                                                      \
    static void name(FILE *out, const struct exposition_family *family,                            \
                     const struct dispatcher *dispatcher)

extern const struct metrics_family metrics_of_state[];    /* what there is now */
extern const struct metrics_family metrics_of_requests[]; /* what was counted */
