/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "cleanup.h"
#include "listing.h"
#include "methods.h"
#include "metrics_families.h"

const struct params_field method_daemon_metrics_fields[] = { PARAMS_END };

static const struct schema members[] = {
    { "content_type", SCHEMA_STRING, 0, "of the text, for HTTP" },
    { "text", SCHEMA_STRING, 0, "OpenMetrics 1.0" },
    { NULL },
};

const struct schema method_daemon_metrics_result = SCHEMA_WITH(members);
const int method_daemon_metrics_errors[] = { 0 };

static void tell(FILE *out, const struct metrics_family *row, const struct dispatcher *dispatcher)
{
    for (; row->family.name; row++) {
        exposition_begin(out, &row->family);
        row->samples(out, &row->family, dispatcher);
    }
}

/* The caller frees it; NULL without memory. */
static char *make_text(const struct dispatcher *dispatcher)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    bool failed;

    if (!out)
        return NULL;
    tell(out, metrics_of_state, dispatcher);
    tell(out, metrics_of_requests, dispatcher);
    exposition_end(out);
    failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

static bool step(struct listing *listing)
{
    _cleanup_(cleanup_free) char *text = make_text(listing->dispatcher);

    listing_add(listing,
                text ? json_pack("{s:s, s:s}", "content_type", EXPOSITION_TYPE, "text", text)
                     : NULL);
    return false;
}

static const struct listing_kind kind = { .step = step };

void method_daemon_metrics(struct request *request, const void *args)
{
    listing_request(request, &kind, NULL);
}
