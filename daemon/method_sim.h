/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The methods that only xenshmd-sim has: what a toolstack and a guest would do, and faults. All
 * need the admin right.
 */
#pragma once

#include "methods.h"

extern const struct method sim_methods[];

METHOD_DECLARE(sim_guest_start);
METHOD_DECLARE(sim_guest_shutdown);
METHOD_DECLARE(sim_guest_resume);
METHOD_DECLARE(sim_guest_destroy);
METHOD_DECLARE(sim_guest_rename);
METHOD_DECLARE(sim_guest_pause);
METHOD_DECLARE(sim_guest_configure);
METHOD_DECLARE(sim_guest_xenstore);
METHOD_DECLARE(sim_guest_read);
METHOD_DECLARE(sim_guest_write);
METHOD_DECLARE(sim_host_read);
METHOD_DECLARE(sim_host_write);
METHOD_DECLARE(sim_fail);
METHOD_DECLARE(sim_builder);
METHOD_DECLARE(sim_status);

/* The simulated domain of that name. Returns 0, or a refusal in *error. */
int sim_method_find(struct request *request, const char *name, uint32_t *ret_domid,
                    struct error *error);
