/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was counted since the start, and what is constant. */
#include "metrics_families.h"

#include <math.h>

/* The label of what is no request, or asks for a method that there is not. */
#define NO_METHOD "unknown"

/* NULL past the last. */
static const char *method_label(const struct dispatcher *dispatcher, size_t number)
{
    const struct method *method = dispatch_method(dispatcher, number);

    if (number == METRICS_NO_METHOD)
        return NO_METHOD;
    return method && number <= METRICS_METHODS ? method->name : NULL;
}

static void total(FILE *out, const struct exposition_family *family, const char *const *labels,
                  uint64_t count)
{
    exposition_sample(out, family, "_total", labels, (double)count);
}

METRICS_SAMPLES(requests)
{
    const char *name;

    for (size_t i = 0; (name = method_label(dispatcher, i)); i++) {
        const struct metrics_method *method = &dispatcher->state->metrics.methods[i];

        total(out, family, (const char *[]){ "method", name, "outcome", "done", NULL },
              method->done);
        total(out, family, (const char *[]){ "method", name, "outcome", "refused", NULL },
              method->refused);
    }
}

METRICS_SAMPLES(refusals)
{
    for (size_t i = 0; i < ERROR_KINDS; i++)
        total(out, family, (const char *[]){ "error", error_kinds[i].name, NULL },
              dispatcher->state->metrics.refusals[i]);
}

/* In the text each bucket has those below it, too. */
static void histogram(FILE *out, const struct exposition_family *family, const char *name,
                      const struct metrics_method *method)
{
    const char *labels[] = { "method", name, NULL };
    uint64_t count = 0;
    char bound[32];

    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        count += method->buckets[i];
        exposition_number(i < METRICS_BUCKETS ? metrics_bounds[i] : INFINITY, bound);
        exposition_sample(out, family, "_bucket",
                          (const char *[]){ "method", name, "le", bound, NULL }, (double)count);
    }
    exposition_sample(out, family, "_count", labels, (double)count);
    exposition_sample(out, family, "_sum", labels, (double)method->microseconds / 1e6);
}

METRICS_SAMPLES(latencies)
{
    const char *name;

    for (size_t i = 0; (name = method_label(dispatcher, i)); i++)
        histogram(out, family, name, &dispatcher->state->metrics.methods[i]);
}

METRICS_SAMPLES(events)
{
    for (size_t i = 0; i < EVENTS_TYPE_COUNT; i++)
        total(out, family, (const char *[]){ "type", events_type_name(i), NULL },
              dispatcher->state->events.emitted[i]);
}

METRICS_SAMPLES(turned_away)
{
    total(out, family, NULL, dispatcher->connections->turned_away);
}

METRICS_SAMPLES(reconciles)
{
    total(out, family, NULL, dispatcher->state->metrics.reconciles);
}

METRICS_SAMPLES(reconciles_failed)
{
    total(out, family, NULL, dispatcher->state->metrics.reconciles_failed);
}

METRICS_SAMPLES(build_info)
{
    const char *const labels[] = { "version", XENSHMD_VERSION, "xen_version",
                                   hypervisor_version(dispatcher->state->hypervisor), NULL };

    exposition_sample(out, family, "", labels, 1);
}

METRICS_SAMPLES(start_time)
{
    exposition_sample(out, family, "", NULL, dispatcher->start_time);
}

const struct metrics_family metrics_of_requests[] = {
    { { "xenshmd_requests", "counter", NULL, "Requests answered, by method and outcome." },
      requests },
    { { "xenshmd_refusals", "counter", NULL, "Refused requests by the name of the error." },
      refusals },
    { { "xenshmd_request_duration_seconds", "histogram", "seconds",
        "Time from the line of a request to its answer." },
      latencies },
    { { "xenshmd_connections_turned_away", "counter", NULL,
        "Clients that were turned away because there were too many." },
      turned_away },
    { { "xenshmd_events", "counter", NULL, "Events by type, whether somebody listened or not." },
      events },
    { { "xenshmd_reconciles", "counter", NULL,
        "Comparisons of domains, store and pools, whatever led to them." },
      reconciles },
    { { "xenshmd_reconciles_failed", "counter", NULL,
        "Of these: the domains could not be listed." },
      reconciles_failed },
    /* The older text format knows no type `info`. */
    { { "xenshmd_build_info", "gauge", NULL, "Versions of xenshmd and of Xen; always 1." },
      build_info },
    { { "xenshmd_start_time_seconds", "gauge", "seconds", "When xenshmd started, Unix time." },
      start_time },
    { { NULL }, NULL },
};
