/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <stdint.h>
#include <string.h>

#include "remote.h"

/* A guest's bootloader or hotplug scripts may take minutes. */
#define BUILD_TIMEOUT 600

const struct option global_options[] = {
    { "socket", 0, "PATH", "where xenshmd listens" },
    { "host", 0, "URL", "the xenshmd of ssh://[USER@]HOST[:PORT][/PATH]" },
    { "json", 0, NULL, "print the daemon's result as one line of JSON" },
    { "timeout", 0, "SEC", "seconds to wait (60; create and destroy: 600)" },
    { "help", 'h', NULL, "print this help" },
    { "version", 0, NULL, "print the version" },
    { 0 },
};

static const struct option attach_options[] = {
    { "name", 0, "NAME", "name of the new segment (GUEST-0, GUEST-1, ...)" },
    { "pool", 0, "POOL", "pool to take the pages from" },
    { "segment", 0, "NAME", "share this existing segment" },
    { "address", 0, "ADDR|identity", "place in the guest: 0x..., or as on the host" },
    { 0 },
};

static const struct option create_options[] = {
    { "name", 0, "NAME", "name of the new segment (GUEST-0, GUEST-1, ...)" },
    { "pool", 0, "POOL", "pool to take the pages from" },
    { "segment", 0, "NAME", "share this existing segment" },
    { "address", 0, "ADDR|identity", "place in the guest: 0x..., or as on the host" },
    { "paused", 0, NULL, "leave the guest paused" },
    { 0 },
};

static const struct option alloc_options[] = {
    { "pool", 0, "POOL", "pool to take the pages from" },
    { "align", 0, "SIZE", "begin at a multiple of this power of two" },
    { 0 },
};

static const struct option apply_options[] = {
    { "dry-run", 0, NULL, "only show what would be done" },
    { "prune", 0, NULL, "detach and free segments that are not listed" },
    { 0 },
};

static const struct option dt_reserve_options[] = {
    { "size", 0, "SIZE", "size of the pool" },
    { "output", 'o', "FILE", "write the changed tree there; may be IN" },
    { "name", 0, "NAME", "name of the node (shared_mem)" },
    { "compatible", 0, "TEXT", "what the UIO driver goes by (uio-dev)" },
    { "at", 0, "ADDR", "take these pages, not the end of a bank" },
    { "count", 0, "N", "make N pools of that size: NAME, NAME-1, ..." },
    { "bootargs", 0, "PROPERTY", "xen,dom0-bootargs, or bootargs of /chosen" },
    { "dtb-at", 0, "ADDR", "where the boot loader puts the tree: keep off" },
    { "dts", 0, NULL, "print what changes as device tree source" },
    { "overlay", 0, NULL, "write only the changes, as an overlay (.dtbo)" },
    { 0 },
};

static const struct option dt_check_options[] = {
    { "name", 0, "PATTERN", "names of the pools' nodes (shared_mem*)" },
    { "compatible", 0, "TEXT", "their compatible string (what of_id names)" },
    { 0 },
};

static const struct option dt_guest_options[] = {
    { "output", 'o', "FILE", "write the tree there, for device_tree=" },
    { "dts", 0, NULL, "print it as device tree source" },
    { "base", 0, "FILE", "the guest's own tree, to be added to" },
    { "compatible", 0, "TEXT", "what the guest's UIO driver goes by (uio-dev)" },
    { "address", 0, "ADDR", "place in the guest, of a single segment" },
    { 0 },
};

static const struct option read_options[] = {
    { "raw", 0, NULL, "the bytes as they are, also on a terminal" },
    { "hex", 0, NULL, "a dump for people, also elsewhere" },
    { 0 },
};

static const struct option write_options[] = {
    { "length", 0, "LENGTH", "refuse an input that has not so many bytes" },
    { 0 },
};

static const struct option watch_options[] = {
    { "type", 0, "TYPE", "only events of this type; may be given again" },
    { "count", 0, "N", "end after N events" },
    { 0 },
};

static const struct option map_options[] = {
    { "picture", 0, NULL, "draw each pool (the default on a terminal)" },
    { "table", 0, NULL, "a row for each run (the default elsewhere)" },
    { 0 },
};

static const struct option detach_options[] = {
    { "all", 0, NULL, "detach everything that the guest has" },
    { 0 },
};

static const struct command commands[] = {
    {
        .name = "attach",
        .forms = { "GUEST SIZE [--name NAME] [--pool POOL] [--address ADDR|identity]",
                   "GUEST --segment NAME [--address ADDR|identity]" },
        .min_arguments = 1,
        .max_arguments = 2,
        .options = attach_options,
        .help = "share pages with a running guest",
        .run = cmd_attach,
    },
    {
        .name = "detach",
        .forms = { "GUEST [NAME | --all]" },
        .min_arguments = 1,
        .max_arguments = 2,
        .options = detach_options,
        .help = "take a segment away from a guest",
        .run = cmd_detach,
    },
    {
        .name = "create",
        .forms = { "CONFIG [KEY=VALUE]... [SHARE]... [--paused]" },
        .min_arguments = 1,
        .max_arguments = SIZE_MAX,
        .options = create_options,
        .help = "create a guest that shares pages from the start",
        .notes = "SHARE is one of\n"
                 "  SIZE [--name NAME] [--pool POOL] [--address ADDR|identity]\n"
                 "  --segment NAME [--address ADDR|identity]\n"
                 "\n"
                 "CONFIG is a configuration file of xl, which translates it; relative paths in it\n"
                 "count from its folder. KEY=VALUE changes it as in 'xl create'. With '-' libxl's\n"
                 "JSON is read from standard input, and taken as it is.\n",
        .timeout = BUILD_TIMEOUT,
        .run = cmd_create,
    },
    {
        .name = "destroy",
        .forms = { "GUEST" },
        .min_arguments = 1,
        .max_arguments = 1,
        .help = "end a guest at once, as 'xl destroy' does",
        .timeout = BUILD_TIMEOUT,
        .run = cmd_destroy,
    },
    {
        .name = "alloc",
        .forms = { "NAME SIZE [--pool POOL] [--align SIZE]" },
        .min_arguments = 2,
        .max_arguments = 2,
        .options = alloc_options,
        .help = "make a segment that stays until it is freed",
        .run = cmd_alloc,
    },
    {
        .name = "free",
        .forms = { "NAME" },
        .min_arguments = 1,
        .max_arguments = 1,
        .help = "free a segment that is attached to no guest",
        .run = cmd_free,
    },
    {
        .name = "list",
        .forms = { "[NAME]" },
        .max_arguments = 1,
        .help = "list segments and where they are attached",
        .run = cmd_list,
    },
    {
        .name = "pools",
        .forms = { "" },
        .help = "list the pools of reserved pages",
        .run = cmd_pools,
    },
    {
        .name = "guests",
        .forms = { "" },
        .help = "list the guests and what each holds",
        .run = cmd_guests,
    },
    {
        .name = "map",
        .forms = { "[POOL] [--picture | --table]" },
        .max_arguments = 1,
        .options = map_options,
        .help = "show which pages are free, used or held by others",
        .notes = "The picture has a capital letter for each segment, a small one for pages that\n"
                 "a guest has by its own configuration, '!' for a clash, '~' for quarantine, '+'\n"
                 "or '-' where several share a cell. It is as wide as the terminal, or COLUMNS.\n",
        .run = cmd_map,
    },
    {
        .name = "status",
        .forms = { "" },
        .help = "show the state of xenshmd",
        .run = cmd_status,
    },
    {
        .name = "read",
        .forms = { "NAME [OFFSET [LENGTH]] [--raw | --hex]" },
        .min_arguments = 1,
        .max_arguments = 3,
        .options = read_options,
        .help = "copy bytes of a segment to standard output",
        .notes = "OFFSET and LENGTH are numbers of bytes like SIZE, or 0x...; without them all of\n"
                 "the segment is read. On a terminal they show as a dump.\n",
        .run = cmd_read,
    },
    {
        .name = "write",
        .forms = { "NAME [OFFSET] [--length LENGTH]" },
        .min_arguments = 1,
        .max_arguments = 2,
        .options = write_options,
        .help = "copy standard input into a segment",
        .notes = "OFFSET is a number of bytes like SIZE, or 0x... All of standard input is\n"
                 "written, or, where it does not fit, nothing; what is behind it stays. LENGTH\n"
                 "keeps a part from being written when whoever makes the input fails.\n",
        .run = cmd_write,
    },
    {
        .name = "watch",
        .forms = { "[--type TYPE]... [--count N]" },
        .options = watch_options,
        .help = "show what happens, as it happens",
        .notes = "A line for each event: local time, type and object; as JSON the event as it\n"
                 "comes. The time-out is for connecting. Ends with xenshmd (exit status 3), when\n"
                 "nobody reads its output, or by a signal.\n",
        .run = cmd_watch,
    },
    {
        .name = "apply",
        .forms = { "FILE [--dry-run] [--prune]" },
        .min_arguments = 1,
        .max_arguments = 1,
        .options = apply_options,
        .help = "make segments and guests as a layout has them",
        .notes =
            "FILE is JSON, '-' is standard input:\n"
            "  {\"version\": 1, \"segments\": [\n"
            "    {\"name\": \"data\", \"size\": \"64K\", \"guests\": [{\"guest\": \"guest1\"}]}]}\n"
            "\n"
            "apply prints its steps, and does all of them or none. The guests of a\n"
            "segment are all that are to have it; segments that are not listed stay.\n",
        .run = cmd_apply,
    },
    {
        .name = "export",
        .forms = { "" },
        .help = "print segments and guests as a layout",
        .run = cmd_export,
    },
    {
        .name = "metrics",
        .forms = { "" },
        .help = "print counts and times for a monitoring system",
        .notes =
            "The text is OpenMetrics 1.0. For node_exporter's textfile collector, in a timer:\n"
            "  xenshmctl metrics > x.prom.$$ && mv x.prom.$$ x.prom\n",
        .run = cmd_metrics,
    },
    {
        .name = "dt reserve",
        .forms = { "IN --size SIZE -o|--output FILE [--overlay] [--dts] [--name NAME] "
                   "[--compatible TEXT] [--at ADDR] [--count N] [--bootargs PROPERTY] "
                   "[--dtb-at ADDR]",
                   "IN --size SIZE --dts [...]" },
        .min_arguments = 1,
        .max_arguments = 1,
        .options = dt_reserve_options,
        .help = "reserve pages in a host's device tree",
        .host = HOST_NONE,
        .run = cmd_dt_reserve,
    },
    {
        .name = "dt check",
        .forms = { "FILE [--name PATTERN] [--compatible TEXT]" },
        .min_arguments = 1,
        .max_arguments = 1,
        .options = dt_check_options,
        .help = "find mistakes in a host's device tree",
        .host = HOST_NONE,
        .run = cmd_dt_check,
    },
    {
        .name = "dt guest",
        .forms = { "SEGMENT... -o|--output FILE [--dts] [--base FILE] [--compatible TEXT] "
                   "[--address ADDR]" },
        .min_arguments = 1,
        .max_arguments = 64,
        .options = dt_guest_options,
        .help = "make a guest's device tree for its segments",
        .run = cmd_dt_guest,
    },
    {
        .name = "doctor",
        .forms = { "" },
        .help = "find what is wrong on this host, and the remedy",
        .host = HOST_DOES,
        .run = cmd_doctor,
    },
    {
        .name = "proxy",
        .forms = { "" },
        .help = "join standard input and output with xenshmd",
        .notes = "What comes on standard input goes to xenshmd's socket, its answers to standard\n"
                 "output, as they are: JSON-RPC, an object a line. ssh runs this on a host that\n"
                 "xenshmctl is told to ask.\n",
        .host = HOST_NONE,
        .run = cmd_proxy,
    },
    {
        .name = "help",
        .forms = { "[COMMAND [SUBCOMMAND]]" },
        .max_arguments = 2,
        .help = "explain a command",
        .notes = "With --json the tables of commands and options are printed, for programs.\n",
        .host = HOST_NONE,
        .run = cmd_help,
    },
    {
        .name = "__complete",
        .forms = { "WORD..." },
        .min_arguments = 1,
        .max_arguments = SIZE_MAX,
        .hidden = true,
        .help = "tell the shell what may follow",
        .host = HOST_NONE, /* its words have their own */
        .run = cmd_complete,
    },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

const struct command *command_at(size_t index)
{
    return index < COMMAND_COUNT ? &commands[index] : NULL;
}

bool command_is_group(const char *word)
{
    size_t length = strlen(word);

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strncmp(commands[i].name, word, length) == 0 && commands[i].name[length] == ' ')
            return true;
    return false;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* True when one letter added, left out or changed, or two neighbours swapped, make `a` into `b`. */
static bool one_slip(const char *a, const char *b)
{
    size_t length_a, length_b;

    while (*a && *a == *b)
        a++, b++;
    length_a = strlen(a);
    length_b = strlen(b);
    if (length_a == length_b + 1)
        return strcmp(a + 1, b) == 0;
    if (length_b == length_a + 1)
        return strcmp(a, b + 1) == 0;
    if (length_a != length_b || length_a == 0)
        return false;
    return strcmp(a + 1, b + 1) == 0 || (a[0] == b[1] && a[1] == b[0] && strcmp(a + 2, b + 2) == 0);
}

const struct command *command_nearest(const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!commands[i].hidden && (one_slip(name, commands[i].name) ||
                                    (length >= 2 && strncmp(name, commands[i].name, length) == 0)))
            return &commands[i];
    return NULL;
}

static enum exit_status check_count(const struct invocation *invocation)
{
    const struct command *command = invocation->command;

    if (invocation->argument_count < command->min_arguments)
        return complain_usage(invocation, "an argument is missing: %s", command->forms[0]);
    if (invocation->argument_count > command->max_arguments)
        return complain_usage(invocation, "unexpected argument '%s'",
                              invocation_argument(invocation, command->max_arguments));
    return STATUS_DONE;
}

static void print_help(FILE *out, const struct invocation *invocation)
{
    if (invocation->group && !invocation->command)
        help_print_group(out, invocation->group);
    else
        help_print(out, invocation->command);
}

enum exit_status commands_run(const struct invocation *invocation)
{
    enum exit_status status;

    if (options_has(&invocation->options, "help")) {
        print_help(stdout, invocation);
        return STATUS_DONE;
    }
    if (options_has(&invocation->options, "version")) {
        puts("xenshmctl " XENSHMD_VERSION);
        return STATUS_DONE;
    }
    if (!invocation->command) {
        print_help(stderr, invocation);
        return STATUS_USAGE;
    }
    status = check_count(invocation);
    if (status != STATUS_DONE)
        return status;
    if (invocation->host && invocation->command->host == HOST_DOES)
        return remote_run(invocation, NULL, invocation->timeout);
    return invocation->command->run(invocation);
}
