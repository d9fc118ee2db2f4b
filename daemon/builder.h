/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's end of a builder: a process that creates or ends one domain, and exits.
 *
 * libxl may take minutes for that, run other programs, abort or hang. So it happens in
 * xenshm-builder (xenshm-builder-sim for the simulator), which is exec'ed for one piece of work and
 * talks over a socket: as a child of the daemon, or by systemd, in a unit of its own, for whoever
 * connects to xenshm-builder.socket. It dies with the daemon; whatever it leaves half-made is found
 * by its UUID.
 *
 * The conversation, one JSON object a line each way, at most BUILDER_LINE_MAX bytes; numbers are
 * integers, sizes and addresses in bytes. Descriptor BUILDER_FD is the builder's end. Its standard
 * output and error are the daemon's log or its unit's, its input is empty.
 *
 *   by systemd, first of all:
 *     builder  {"ready": {}}                                its keeper does
 *     daemon   an empty line, and with it descriptors: the end of a leash, then setup->extra
 *
 *   create:
 *     daemon   {"do": "create", "config": CONFIG}           libxl's JSON of a domain
 *     builder  {"facts": {"name", "uuid",                   made up where CONFIG has none
 *                "max_memory",                              KiB, by which RAM is laid out
 *                "pci": bool,                               it has virtual PCI
 *                "iomem": [{"host_address", "size", "guest_address"}],
 *                "taken": [{"address", "size"}],            in the device_tree of its CONFIG
 *                "compatible",                              absent, or what its kernel's arguments
 *                                                           say in uio_pdrv_genirq.of_id
 *                "actions": {"poweroff", "reboot", "crash", "watchdog", "soft_reset"}}}
 *     daemon   {"build": {"tree": PATH,                     where to write its device tree
 *                "compatible",
 *                "shares": [{"segment", "host_address", "size", "guest_address", "epoch",
 *                            "map": bool}]}}                false: not to be mapped by libxl
 *     builder  {"built": {"domid"}}                         whole, and paused
 *     daemon   {"run": {}}                                  or closes the socket: stays paused
 *     builder  {"done": {}}
 *
 *   end:
 *     daemon   {"do": "end", "domid", "uuid", "how": "destroy" | "preserve",
 *               ["core": PATH], ["name": what a preserved one is called from now on]}
 *     builder  {"done": {["config": CONFIG]}}               as it was in the end, if known
 *
 * In place of each reply there may be {"error": {"name", "message", ["hint"]}}, a refusal as
 * clients get it; then the builder exits, and has taken back what it made. An action is one of
 * libxl's: "destroy", "restart", "rename-restart", "preserve", "coredump-destroy",
 * "coredump-restart", "soft-reset". One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <jansson.h>

#include "error.h"

#define BUILDER_FD 3
#define BUILDER_LINE_MAX (4 * 1024 * 1024)
#define BUILDER_EXTRA_MAX 4

/* How builders are started. Owned by whoever sets up the daemon. */
struct builder_setup {
    const char *program; /* path of the executable, a child of the daemon; NULL: there is none */
    const char *socket;  /* where systemd starts them instead; NULL: nowhere */
    /*
     * More descriptors for it, from BUILDER_FD + 1 on: the simulator's world and its bell; and one
     * that it only holds, see store_created_lock().
     */
    int extra[BUILDER_EXTRA_MAX]; /* the daemon's, once it runs: it closes them */
    size_t extra_count;
};

struct builder;

/*
 * What a builder says: `reply` is the object of its line (borrowed), or NULL with *error: its
 * refusal, or that it failed, crashed, was killed, took too long, or said what it should not. After
 * an error it is gone, with all that it ran, and the handle too; after "done" it is to be
 * dismissed.
 */
typedef void (*builder_reply_fn)(void *context, json_t *reply, const struct error *error);

/*
 * Starts one with its first line (`request` is stolen); `setup` lives on as long as it does.
 * `milliseconds`: for its whole work; then it is killed. Returns 0, or -errno and nothing was
 * started.
 */
int builder_start(struct event_base *base, const struct builder_setup *setup, json_t *request,
                  uint64_t milliseconds, builder_reply_fn reply, void *context,
                  struct builder **ret_builder);
/* The next line, after a reply; `line` is stolen. What fails comes as a reply, later. */
void builder_say(struct builder *builder, json_t *line);
/* Kills it; its end comes as a reply. */
void builder_kill(struct builder *builder);
/*
 * Kills it and all that it runs, waits until it is gone (milliseconds), and frees the handle; no
 * reply comes. NULL is allowed; returns NULL.
 */
struct builder *builder_free(struct builder *builder);

/* Those whose work is done and that are about to end: nobody waits for that. */
LIST_HEAD(builder_list, builder);
/*
 * Its work is done, and no reply comes any more; what it has started for its guest lives on. It
 * joins the list until it is gone.
 */
void builder_dismiss(struct builder *builder, struct builder_list *leaving);
/* Waits for all in the list (milliseconds). */
void builders_clear(struct builder_list *leaving);
