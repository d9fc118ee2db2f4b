/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one table of commands: reading the command line, the help and the usage lines all come from
 * it. No row, no command.
 */
#pragma once

#include <stdio.h>

#include "invocation.h"

#define COMMAND_FORMS_MAX 2

/* What --host, or $XENSHM_HOST, is for a command. */
enum host_use {
    HOST_ASKED = 0, /* the command asks xenshmd, here or there, or sees to it by itself */
    HOST_DOES,      /* it is about its host: the xenshmctl over there carries it out */
    HOST_NONE,      /* only for this host: --host is refused, the variable does not count */
};

struct command {
    const char *name;
    const char *forms[COMMAND_FORMS_MAX]; /* what may follow the name, one way a form */
    size_t min_arguments;
    size_t max_arguments;
    const struct option *options; /* NULL: none of its own */
    const char *help;             /* one line */
    const char *notes;            /* more lines of help; NULL: none */
    bool hidden;                  /* for programs: not in the help */
    unsigned timeout;             /* seconds to wait for the daemon; 0: as for most */
    enum host_use host;
    enum exit_status (*run)(const struct invocation *invocation);
};

/* Options that every command has. */
extern const struct option global_options[];

/* NULL past the last one. */
const struct command *command_at(size_t index);
/* True for the first word of commands that have two. */
bool command_is_group(const char *word);
/* NULL when there is none of that name. */
const struct command *command_find(const char *name);
/* The command whose name `name` may have been meant to be; NULL when none comes near. */
const struct command *command_nearest(const char *name);

/* Does what the command line asks for. */
enum exit_status commands_run(const struct invocation *invocation);

/* The help of one command, or of xenshmctl when `command` is NULL. */
void help_print(FILE *out, const struct command *command);
/* The commands that begin with this word. */
void help_print_group(FILE *out, const char *group);
/* All commands, or `only` that one, with the options, as one line of JSON. */
enum exit_status help_show_json(const struct invocation *invocation, const struct command *only);

enum exit_status cmd_alloc(const struct invocation *invocation);
enum exit_status cmd_apply(const struct invocation *invocation);
enum exit_status cmd_attach(const struct invocation *invocation);
enum exit_status cmd_complete(const struct invocation *invocation);
enum exit_status cmd_create(const struct invocation *invocation);
enum exit_status cmd_destroy(const struct invocation *invocation);
enum exit_status cmd_detach(const struct invocation *invocation);
enum exit_status cmd_doctor(const struct invocation *invocation);
enum exit_status cmd_dt_check(const struct invocation *invocation);
enum exit_status cmd_dt_guest(const struct invocation *invocation);
enum exit_status cmd_dt_reserve(const struct invocation *invocation);
enum exit_status cmd_export(const struct invocation *invocation);
enum exit_status cmd_free(const struct invocation *invocation);
enum exit_status cmd_guests(const struct invocation *invocation);
enum exit_status cmd_help(const struct invocation *invocation);
enum exit_status cmd_list(const struct invocation *invocation);
enum exit_status cmd_map(const struct invocation *invocation);
enum exit_status cmd_metrics(const struct invocation *invocation);
enum exit_status cmd_pools(const struct invocation *invocation);
enum exit_status cmd_proxy(const struct invocation *invocation);
enum exit_status cmd_read(const struct invocation *invocation);
enum exit_status cmd_status(const struct invocation *invocation);
enum exit_status cmd_watch(const struct invocation *invocation);
enum exit_status cmd_write(const struct invocation *invocation);
