/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * OpenMetrics 1.0 text: families of metrics and their samples
 * (https://prometheus.io/docs/specs/om/open_metrics_spec/).
 *
 * Only what the older text format of Prometheus has too, which node_exporter's textfile collector
 * reads: counters, gauges and histograms, no times, no exemplars. One thread.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#define EXPOSITION_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct exposition_family {
    const char *name; /* of counters without "_total", which their samples have */
    const char *type; /* "gauge", "counter" or "histogram" */
    const char *unit; /* NULL: none; otherwise the end of the name */
    const char *help;
};

/* The lines before a family's samples. */
void exposition_begin(FILE *out, const struct exposition_family *family);
/* What ends the whole text. */
void exposition_end(FILE *out);

/*
 * A sample of the family: `suffix` is "", "_total", "_bucket" and so on; `labels` are names and
 * values in turn, then NULL, or NULL for none. Values are escaped and made printable.
 */
void exposition_sample(FILE *out, const struct exposition_family *family, const char *suffix,
                       const char *const *labels, double value);

/* A label's value for a number, as the specification wants it: "0.0005", "1.0", "+Inf". */
const char *exposition_number(double value, char text[static 32]);
