/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes on the command line, on their way into the params of a request. */
#pragma once

#include <stdint.h>

#include "invocation.h"

/*
 * Whole pages, with a note when that is more than `text` says. Returns STATUS_DONE, or STATUS_USAGE
 * after a complaint.
 */
enum exit_status size_argument_pages(const struct invocation *invocation, const char *text,
                                     uint64_t *ret_bytes);

/* Adds "size", read like that. Returns the same. */
enum exit_status params_add_pages(const struct invocation *invocation, json_t *params,
                                  const char *text);
/* Adds exactly so many bytes; NULL adds nothing. Returns the same. */
enum exit_status params_add_bytes(const struct invocation *invocation, json_t *params,
                                  const char *key, const char *text);

/*
 * A place or a length in bytes, `what` it is: as a size, also 0, also 0x... Returns the same.
 */
enum exit_status size_argument_bytes(const struct invocation *invocation, const char *what,
                                     const char *text, uint64_t *ret_bytes);
