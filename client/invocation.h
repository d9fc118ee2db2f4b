/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One run of xenshmctl: what its command line said, its complaints, its request to the daemon.
 *
 * Results go to stdout, everything else to stderr, one line each with the program's and the
 * command's name in front.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "options.h"

struct command;
struct host;
struct link;
struct table;

enum exit_status {
    STATUS_DONE = 0,
    STATUS_REFUSED = 1, /* by the daemon, or the result could not be written */
    STATUS_USAGE = 2,
    STATUS_UNREACHABLE = 3,
};

struct invocation {
    const struct command *command; /* NULL while unknown */
    const char *group;             /* first word of a command of two, "dt"; NULL: none given */
    struct options options;
    const char **arguments; /* owned, the words are argv's; without the command itself */
    size_t argument_count;
    const char *socket_path; /* on this host */
    struct host *host;       /* owned; NULL: this one */
    struct link *link;       /* owned; the way to xenshmd */
    const char *place;       /* where xenshmd is, for complaints: the socket, or the host's URL */
    unsigned timeout;        /* seconds */
    bool json;
};

/*
 * Reads the command line (`argv` without the program's name). Returns STATUS_DONE, or STATUS_USAGE
 * after a complaint. The arguments are not counted yet: --help comes first.
 */
enum exit_status invocation_read(struct invocation *invocation, char **argv);
/*
 * The same for the beginning of a line that is being typed: what is wrong with its options is
 * passed over, and it waits for the daemon only a second, if not told otherwise. *ret_open is the
 * option at its end whose value is missing; NULL: none.
 */
enum exit_status invocation_read_begun(struct invocation *invocation, char **argv,
                                       const struct option **ret_open);
void invocation_clear(struct invocation *invocation);

/* NULL when there are fewer arguments. */
const char *invocation_argument(const struct invocation *invocation, size_t index);
/* How many of the arguments stand before an option of the command. */
size_t invocation_option_place(const struct invocation *invocation,
                               const struct option_given *given);

/* A line on stderr, made printable. */
void complain(const struct invocation *invocation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for a mistake in the command line, with a pointer to the help; returns STATUS_USAGE. */
enum exit_status complain_usage(const struct invocation *invocation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum exit_status complain_memory(const struct invocation *invocation);

/*
 * Adds a text to the params of a request; NULL adds nothing. Returns STATUS_DONE, or STATUS_USAGE
 * after a complaint.
 */
enum exit_status params_add(const struct invocation *invocation, json_t *params, const char *key,
                            const char *text);

typedef enum exit_status show_fn(const struct invocation *invocation, json_t *result);

/*
 * Calls the daemon and shows the result: as it came with --json, otherwise through `show`. `params`
 * is borrowed; NULL stands for none.
 */
enum exit_status invocation_call(const struct invocation *invocation, const char *method,
                                 json_t *params, show_fn *show);

/* Only calls: *ret_result is a new reference, which may be NULL where a result was to be. */
enum exit_status invocation_ask(const struct invocation *invocation, const char *method,
                                json_t *params, json_t **ret_result);

struct xenshm;

/*
 * xenshm_call() on values instead of texts: `params` is borrowed, *ret_result a new reference.
 * Returns what xenshm_call() returns.
 */
int request_call(struct xenshm *connection, const char *method, const json_t *params,
                 json_t **ret_result);
/* For _cleanup_(). */
void cleanup_xenshm(struct xenshm **connection);

/*
 * One line: why nobody answered at `path`; `r` is what a function of xenshm.h returned. The
 * caller frees it; NULL: no memory.
 */
char *unreachable_reason(const struct invocation *invocation, const char *path, int r);

/*
 * Says why a call on the invocation's connection failed; `r` is what a function of xenshm.h
 * returned. Returns STATUS_REFUSED or STATUS_UNREACHABLE.
 */
enum exit_status complain_call(const struct invocation *invocation, int r);

/* Prints a result as one line of JSON. */
enum exit_status show_json(const struct invocation *invocation, const json_t *result);

/* Prints a table on stdout; NULL is one that could not be allocated. */
enum exit_status show_table(const struct invocation *invocation, const struct table *table);
