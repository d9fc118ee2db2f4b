/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration: built-in defaults, then a file (inih's INI), then command-line options. Its
 * sections and keys are described in docs/xenshmd.conf.5.scd.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"
#include "log.h"
#include "params.h"
#include "quota.h"

#define CONFIG_COMPATIBLE_MAX 128

/* Groups by default; they need not be there. */
#define CONFIG_OPERATE_GROUP "xenshm"
#define CONFIG_READ_GROUP "xenshm-read"

struct config_pool {
    char *name;
    uint64_t guest_address;
};

/* [segment NAME]: what there is to be, whatever the clients ask for. */
struct config_order {
    char *name;
    char *pool;                    /* NULL: any */
    uint64_t size;                 /* bytes, whole pages */
    uint64_t align;                /* bytes, a power of two; 0: one page */
    char **guests;                 /* NULL-terminated, never NULL */
    struct params_address address; /* in the guests */
    int line;                      /* of its section */
};

struct config {
    char *state_dir;
    char *socket;         /* NULL: xenshmd.sock in state_dir */
    char *builder_socket; /* NULL: builders are children of the daemon */
    enum log_level log_level;
    uint64_t holder_wait;   /* milliseconds */
    uint64_t restart_grace; /* milliseconds */
    bool unknown_holders;   /* true: ignore them */
    char *admin_group;      /* name or number; "": nobody, as of the others */
    char *operate_group;
    char *read_group;
    uint64_t builder_timeout; /* milliseconds */
    uint64_t overflow_wait;   /* milliseconds */
    char *guest_compatible;
    uint64_t connections, segments, attachments, operations, builders;
    struct quotas quotas;
    uint64_t event_backlog;             /* bytes */
    uint64_t line_memory, reply_memory; /* bytes */
    char **pool_names;                  /* NULL-terminated */
    char **pool_compatibles;            /* NULL-terminated */
    struct config_pool *pools;
    size_t pool_count;
    struct config_order *orders; /* as in the file */
    size_t order_count;
    char *path; /* of the file read; NULL: none */
};

/*
 * Defaults. Returns 0 or -ENOMEM; the caller owns the content: config_clear(). A config may be
 * moved by assignment; what it points to stays where it is.
 */
int config_init(struct config *config);
/* Frees the content and zeroes the config, which is empty then: clearing it again does nothing. */
void config_clear(struct config *config);

/*
 * Reads a file over what is there. Returns 0, or a refusal (CONFIG_INVALID) that names file, line
 * and key; the config is then not to be used.
 */
int config_read(struct config *config, const char *path, struct error *error);

/* The path of the socket; the caller frees it. NULL without memory. */
char *config_socket(const struct config *config);

/*
 * Writes all of it in the form of a file that, read again, gives the same; what is not set is
 * there as a comment. Returns 0, -ENOMEM or -EIO.
 */
int config_show(const struct config *config, FILE *out);
