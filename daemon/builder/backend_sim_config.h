/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxl's JSON of a domain, read and written without libxl: names and defaults are libxl's. Pure.
 */
#pragma once

#include <jansson.h>

#include "plan.h"
#include "shares.h"

/* Memory that the domain begins with, KiB. */
struct sim_config {
    struct plan plan; /* texts belong to the JSON */
    uint64_t memory;
};

/*
 * Fills the plan; a UUID that is missing is made up, and put into `config`. Returns 0 or
 * error->code.
 */
int sim_config_read(json_t *config, struct sim_config *ret, struct error *error);
/* Writes what the order adds into `config`. Returns 0 or -ENOMEM. */
int sim_config_add(json_t *config, const struct build_order *order);
