/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dt check: what in a host's device tree keeps shared memory from working. */
#include <stdio.h>

#include "cleanup.h"
#include "commands.h"
#include "print.h"
#include "tree_file.h"
#include "utf8.h"

struct report {
    const struct invocation *invocation;
    const char *file;
    json_t *findings; /* with --json; NULL: a line each */
    unsigned count;
    bool failed; /* no memory */
};

/* Names in a tree may be any bytes. */
static json_t *finding_json(const struct devtree_finding *finding)
{
    char node[256], what[512];

    snprintf(node, sizeof(node), "%s", finding->node);
    snprintf(what, sizeof(what), "%s", finding->what);
    utf8_make_printable(node);
    utf8_make_printable(what);
    return json_pack("{s:s, s:s, s:s, s:s}", "node", node, "rule", finding->rule, "what", what,
                     "remedy", finding->remedy);
}

static void take(void *context, const struct devtree_finding *finding)
{
    struct report *report = context;

    report->count++;
    if (report->findings)
        report->failed |= json_array_append_new(report->findings, finding_json(finding)) != 0;
    else
        report->failed |= print_text("%s: %s: %s; %s", report->file, finding->node, finding->what,
                                     finding->remedy) != 0;
}

static enum exit_status show(const struct report *report, unsigned pools)
{
    _cleanup_(cleanup_json) json_t *result = NULL;

    if (report->failed)
        return complain_memory(report->invocation);
    if (!report->findings)
        return report->count == 0 && print_text("%s: %u node%s of shared memory, no mistake found",
                                                report->file, pools, pools == 1 ? "" : "s") != 0
                   ? complain_memory(report->invocation)
                   : STATUS_DONE;
    result = json_pack("{s:i, s:O}", "pools", (int)pools, "findings", report->findings);
    return show_json(report->invocation, result);
}

enum exit_status cmd_dt_check(const struct invocation *invocation)
{
    const char *name = options_value(&invocation->options, "name");
    const char *file = invocation_argument(invocation, 0);
    struct devtree_check how = { name ? name : "shared_mem*",
                                 options_value(&invocation->options, "compatible") };
    _cleanup_(devtree_blob_clear) struct devtree_blob tree = { 0 };
    _cleanup_(cleanup_json) json_t *findings = invocation->json ? json_array() : NULL;
    struct report report = { invocation, file, findings, 0, invocation->json && !findings };
    struct error error = { 0 };
    enum exit_status status;
    unsigned pools;
    int r;

    status = tree_file_read(invocation, file, &tree);
    if (status != STATUS_DONE)
        return status;
    r = devtree_check(tree.data, tree.size, &how, take, &report, &pools, &error);
    if (r)
        return tree_file_refuse(invocation, file, r, &error);
    status = show(&report, pools);
    return status == STATUS_DONE && report.count > 0 ? STATUS_REFUSED : status;
}
