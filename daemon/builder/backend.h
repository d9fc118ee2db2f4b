/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a toolstack does for one domain, on libxl (backend_xen*.c) and in the simulated world
 * (backend_sim*.c). A program links one of them.
 *
 * Calls may take as long as the toolstack does. They return 0, or error->code: a refusal for
 * clients. One configuration and one domain in each process. One thread.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "error.h"
#include "plan.h"
#include "shares.h"

struct backend;

int backend_open(struct backend **ret_backend, struct error *error);
void backend_close(struct backend *backend); /* NULL is allowed */

/* Reads libxl's JSON of a domain; from then on this is what will be built. */
int backend_read(struct backend *backend, const json_t *config, struct plan *ret_plan,
                 struct error *error);
/* What only the toolstack knows: whether it can be, and the defaults that count in the plan. */
int backend_check(struct backend *backend, struct plan *plan, struct error *error);
/*
 * Looks for room, and builds it, paused, with what the order adds; order->tree is used if there are
 * shares, and has been written. After a failure nothing of it is left.
 */
int backend_build(struct backend *backend, const struct plan *plan, const struct build_order *order,
                  uint32_t *ret_domid, struct error *error);
/* Lets the domain go that was built. */
int backend_run(struct backend *backend, struct error *error);

/*
 * An existing domain, known by domid and UUID. -ESRCH where it is gone; dying is as good as gone.
 */
struct domain_identity {
    uint32_t domid;
    uint8_t uuid[DOMAIN_UUID_SIZE];
};

int backend_find(struct backend *backend, const struct domain_identity *domain);
/* Its configuration as it is now; NULL if it is not to be had. */
json_t *backend_config(struct backend *backend, const struct domain_identity *domain);
/* Writes its memory to a file. A failure is logged. */
void backend_dump_core(struct backend *backend, const struct domain_identity *domain,
                       const char *path);
/* Gives its name and UUID free for another domain; it is called `name` from now on. */
int backend_rename(struct backend *backend, const struct domain_identity *domain, const char *name,
                   struct error *error);
/* Returns when it is gone, or dying. */
int backend_destroy(struct backend *backend, const struct domain_identity *domain,
                    struct error *error);
