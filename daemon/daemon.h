/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Wires everything together, runs, and stops. What differs between xenshmd and xenshmd-sim comes
 * in through `struct daemon_setup`. One thread.
 */
#pragma once

#include "config.h"
#include "dispatch.h"
#include "range.h"

/* A pool as the backend found it. */
struct daemon_pool {
    const char *name;
    const char *device;
    struct mfn_range frames;
    void *address;       /* mapped into this process as long as the daemon runs */
    int fd;              /* of what is mapped; stays open as long */
    uint64_t map_offset; /* for mmap() of it */
};

struct daemon_setup {
    struct config *config; /* taken over: the daemon owns its content and leaves it empty */
    /* Reads the configuration again, see options_reload(), when SIGHUP asks for it. */
    int (*reload)(void *context, struct config *ret_config, struct error *error);
    void *reload_context;
    struct hypervisor *hypervisor;
    const struct daemon_pool *pools; /* ascending host address */
    size_t pool_count;
    const struct method *extra_methods;  /* may be NULL */
    const struct builder_setup *builder; /* NULL: guests cannot be created */
    store_fault_fn store_fault;          /* may be NULL; its context is the hypervisor */
    /*
     * For tests: runs the event loop in its own way, from when the daemon is ready. May be NULL.
     * Returns 0 or -errno.
     */
    int (*loop)(void *context, struct state *state, struct connections *connections);
    void *loop_context;
};

/*
 * Runs until SIGTERM or SIGINT. Returns 0 or -errno, which has been logged; setup->config is empty
 * then.
 */
int daemon_run(const struct daemon_setup *setup);
