/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon counts as it runs, for daemon.metrics. All else that it tells is looked up when
 * it is asked for.
 *
 * Counting is bounded work and allocates nothing; what is counted apart is known beforehand, never
 * what a caller wrote. Zeroed is empty. Pure; one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* Methods that are counted apart at most; the dispatcher's rows are numbered from 1. */
#define METRICS_METHODS 64
/* What is no request, or asks for a method that there is not. */
#define METRICS_NO_METHOD 0

/* The upper bounds of the histogram of latencies; one more is without bound. */
#define METRICS_BUCKETS 16
extern const double metrics_bounds[METRICS_BUCKETS]; /* seconds */

struct metrics_method {
    uint64_t done;
    uint64_t refused;
    uint64_t buckets[METRICS_BUCKETS + 1]; /* not cumulative */
    uint64_t microseconds;                 /* the sum of all latencies */
};

struct metrics {
    struct metrics_method methods[METRICS_METHODS + 1];
    uint64_t refusals[ERROR_KINDS]; /* as in error_kinds */
    uint64_t reconciles;
    uint64_t reconciles_failed; /* of these: the domains could not be listed */
};

/* One that was answered: `code` 0, or that of its error. */
struct metrics_request {
    size_t method;
    int code;
    uint64_t microseconds; /* from its line to its answer */
};

void metrics_count(struct metrics *metrics, const struct metrics_request *request);
