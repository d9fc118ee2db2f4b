/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* map as a picture: each pool to scale, and below it what is where. */
#pragma once

#include "invocation.h"

/* Shows the result of pool.map on stdout; asks the daemon for the segments in it. */
enum exit_status show_map_picture(const struct invocation *invocation, json_t *result);
