/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of the configuration's sections that there are once, in one table. Pure. */
#pragma once

#include <stdio.h>

#include "config.h"

/*
 * Sets a key. Returns 0, -ENOENT (no such key in that section), -EINVAL (not a legal value) or
 * -ENOMEM; the config is then as it was.
 */
int config_keys_set(struct config *config, const char *section, const char *name,
                    const char *value);

/* Writes all of them as a file has them. A failed write is the stream's error. */
void config_keys_show(const struct config *config, FILE *out);
