/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes on the command line, on their way into the params of a request. */
#pragma once

#include "invocation.h"

/*
 * Adds "size": whole pages, with a note when that is more than `text` says. Returns STATUS_DONE, or
 * STATUS_USAGE after a complaint.
 */
enum exit_status params_add_pages(const struct invocation *invocation, json_t *params,
                                  const char *text);
/* Adds exactly so many bytes; NULL adds nothing. Returns the same. */
enum exit_status params_add_bytes(const struct invocation *invocation, json_t *params,
                                  const char *key, const char *text);
