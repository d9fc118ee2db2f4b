/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor: what is wrong on this host, a line a finding. */
#include <stdlib.h>

#include "cleanup.h"
#include "commands.h"
#include "doctor.h"
#include "print.h"

static const struct column columns[] = {
    { "STATUS", COLUMN_STATE },
    { "CHECK" },
    { "FINDING" },
    { 0 },
};

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* "/proc/cmdline: no uio_pdrv_genirq.of_id=; remedy: add it ..." */
static void add_text(struct table *table, const json_t *finding)
{
    const char *remedy = json_string_value(json_object_get(finding, "remedy"));
    char *text;

    if (asprintf(&text, "%s: %s%s%s", print_member(finding, "looked_at"),
                 print_member(finding, "found"), remedy ? "; remedy: " : "",
                 remedy ? remedy : "") < 0)
        text = NULL;
    table_add_owned(table, text);
}

static enum exit_status show_findings(const struct doctor *doctor)
{
    _cleanup_(cleanup_table) struct table *table = table_new(columns);
    size_t problems = doctor->counts[DOCTOR_PROBLEM], warnings = doctor->counts[DOCTOR_WARNING], i;
    json_t *finding;

    json_array_foreach(doctor->findings, i, finding) {
        if (!table)
            break;
        table_add_member(table, finding, "status");
        table_add_member(table, finding, "check");
        add_text(table, finding);
    }
    if (show_table(doctor->invocation, table) != STATUS_DONE)
        return STATUS_REFUSED;
    printf("%zu problem%s, %zu warning%s\n", problems, plural(problems), warnings,
           plural(warnings));
    return STATUS_DONE;
}

static enum exit_status show_all_as_json(const struct doctor *doctor)
{
    _cleanup_(cleanup_json) json_t *result = json_pack(
        "{s:I, s:I, s:O}", "problems", (json_int_t)doctor->counts[DOCTOR_PROBLEM], "warnings",
        (json_int_t)doctor->counts[DOCTOR_WARNING], "findings", doctor->findings);

    if (!result)
        return complain_memory(doctor->invocation);
    return show_json(doctor->invocation, result);
}

/* A made-up host for the tests: doctor only reads, so that nothing is gained by it. */
static const char *root_folder(void)
{
    const char *root = getenv("XENSHMCTL_ROOT");

    return root ? root : "";
}

enum exit_status cmd_doctor(const struct invocation *invocation)
{
    _cleanup_(doctor_clear) struct doctor doctor;
    enum exit_status status;

    doctor_run(&doctor, invocation, root_folder());
    if (doctor.failed)
        return complain_memory(invocation);
    status = invocation->json ? show_all_as_json(&doctor) : show_findings(&doctor);
    if (status == STATUS_DONE && doctor.counts[DOCTOR_PROBLEM] > 0)
        status = STATUS_REFUSED;
    return status;
}
