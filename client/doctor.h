/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is wrong on this host: a walk from Xen to the daemon, step by step.
 *
 * Each step looks at one thing and leaves one finding or more; a step that needs what an earlier
 * one did not find is skipped and says so. Nothing is changed, and nothing that is read is trusted.
 * All paths are below a root folder, "" on a real host.
 */
#pragma once

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "invocation.h"
#include "uio.h"

enum doctor_status {
    DOCTOR_OK,
    DOCTOR_INFO,    /* nothing to do about it */
    DOCTOR_SKIPPED, /* could not be judged */
    DOCTOR_WARNING,
    DOCTOR_PROBLEM,
};

/* What earlier steps found, and later ones need. */
enum doctor_fact {
    DOCTOR_XEN = 1 << 0,
    DOCTOR_DRIVER = 1 << 1, /* uio_pdrv_genirq */
    DOCTOR_TREE = 1 << 2,   /* the device tree */
    DOCTOR_PAGES = 1 << 3,  /* pages that are to be a pool */
    DOCTOR_SOCKET = 1 << 4,
    DOCTOR_DAEMON = 1 << 5, /* answers, and lets the caller read */
};

#define DOCTOR_OF_ID_MAX 128

/* Pages of a pool to be, and where that is said. */
struct doctor_pages {
    char name[128];
    struct mfn_range frames;
};

struct doctor {
    const struct invocation *invocation;
    const char *root;
    char socket[PATH_MAX];
    bool privileged; /* root sees what others do not: addresses in /proc/iomem */
    unsigned facts;  /* of enum doctor_fact */

    const char *check; /* the step under way */
    char looked_at[PATH_MAX];
    json_t *findings;
    size_t counts[DOCTOR_PROBLEM + 1];
    bool failed; /* out of memory */

    char of_id[DOCTOR_OF_ID_MAX]; /* the compatible string that the driver takes; "" unknown */
    char tree[PATH_MAX];          /* of the device tree, resolved */
    struct uio_maps maps;
    struct doctor_pages *pages;
    size_t page_count;

    /* What the daemon answered; NULL: it did not. */
    json_t *daemon_status, *daemon_error, *pools, *guests, *segments;
    int unreachable; /* what a call returned; 0: the daemon answered */
};

/* Takes all steps. `root` and `invocation` must outlive the object. */
void doctor_run(struct doctor *doctor, const struct invocation *invocation, const char *root);
void doctor_clear(struct doctor *doctor);
const char *doctor_status_name(enum doctor_status status);

/* ---- For the steps */

/* Says what was looked at, where that is more precise than the step's own words. */
void doctor_look_at(struct doctor *doctor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A finding that asks for nothing. */
void doctor_found(struct doctor *doctor, enum doctor_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A finding that asks for something: a warning or a problem, and its remedy. */
void doctor_blame(struct doctor *doctor, enum doctor_status status, const char *remedy,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The file's text without the newline at its end. Returns 0 or a failure of sysfs_read(). */
int doctor_read_text(const struct doctor *doctor, const char *path, char *text, size_t size);
bool doctor_exists(const struct doctor *doctor, const char *path);
bool doctor_is_directory(const struct doctor *doctor, const char *path);
/* A device tree node's name, with or without unit address, that the daemon takes for a pool's. */
bool doctor_is_pool_name(const struct doctor *doctor, const char *name);
void doctor_add_pages(struct doctor *doctor, const char *name, struct mfn_range frames);

/* doctor_xen.c */
void doctor_check_xen(struct doctor *doctor);
void doctor_check_version(struct doctor *doctor);
void doctor_check_dom0(struct doctor *doctor);
void doctor_check_user(struct doctor *doctor);
void doctor_check_privcmd(struct doctor *doctor);
void doctor_check_xenstored(struct doctor *doctor);
void doctor_check_xenconsoled(struct doctor *doctor);
/* doctor_uio.c */
void doctor_check_modules(struct doctor *doctor);
void doctor_check_of_id(struct doctor *doctor);
void doctor_check_uio(struct doctor *doctor);
/* doctor_tree.c */
void doctor_check_nodes(struct doctor *doctor);
/* doctor_memory.c */
void doctor_check_ram(struct doctor *doctor);
void doctor_check_memory(struct doctor *doctor);
/* doctor_daemon.c */
void doctor_ask_daemon(struct doctor *doctor);
void doctor_check_socket(struct doctor *doctor);
void doctor_check_daemon(struct doctor *doctor);
void doctor_check_pools(struct doctor *doctor);
void doctor_check_store(struct doctor *doctor);
void doctor_check_guests(struct doctor *doctor);
void doctor_check_segments(struct doctor *doctor);
void doctor_check_orders(struct doctor *doctor);
void doctor_remind_memory(struct doctor *doctor);
