/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table below the picture of a pool: what each letter stands for. */
#pragma once

#include "invocation.h"
#include "map_pool.h"

/*
 * Prints a row for each listed run of the pool; `runs` are those of the result, `segments` is an
 * object of segments by name.
 */
enum exit_status show_map_legend(const struct invocation *invocation, const struct map_pool *pool,
                                 const json_t *runs, const json_t *segments, size_t limit);
