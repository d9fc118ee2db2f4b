/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* metrics: what a monitoring system reads, as it comes from the daemon. */
#include <string.h>

#include "commands.h"
#include "print.h"

static enum exit_status show_metrics(const struct invocation *invocation, json_t *result)
{
    const char *line = json_string_value(json_object_get(result, "text"));
    size_t length;

    for (; line && *line; line += length + (line[length] == '\n')) {
        length = strcspn(line, "\n");
        if (print_text("%.*s", (int)length, line) < 0)
            return complain_memory(invocation);
    }
    return STATUS_DONE;
}

enum exit_status cmd_metrics(const struct invocation *invocation)
{
    return invocation_call(invocation, "daemon.metrics", NULL, show_metrics);
}
