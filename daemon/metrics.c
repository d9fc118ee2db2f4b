/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "metrics.h"

#include <assert.h>

const double metrics_bounds[METRICS_BUCKETS] = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
};

static size_t find_bucket(uint64_t microseconds)
{
    size_t i = 0;

    while (i < METRICS_BUCKETS && (double)microseconds > metrics_bounds[i] * 1e6)
        i++;
    return i;
}

static void count_refusal(struct metrics *metrics, int code)
{
    for (size_t i = 0; i < ERROR_KINDS; i++)
        if (error_kinds[i].code == code)
            metrics->refusals[i]++;
}

void metrics_count(struct metrics *metrics, const struct metrics_request *request)
{
    struct metrics_method *method;

    assert(request->method <= METRICS_METHODS);
    method = &metrics->methods[request->method];
    if (request->code) {
        method->refused++;
        count_refusal(metrics, request->code);
    } else {
        method->done++;
    }
    method->buckets[find_bucket(request->microseconds)]++;
    method->microseconds += request->microseconds;
}
