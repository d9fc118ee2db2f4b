/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of a layout, as JSON. */
#pragma once

#include "invocation.h"

/* What the file is called in complaints: "-" is standard input. */
const char *layout_file_name(const char *path);

/*
 * Reads a file, or standard input ("-"). Returns STATUS_DONE with *ret_json owned by the caller, or
 * STATUS_REFUSED after a complaint.
 */
enum exit_status layout_file_read(const struct invocation *invocation, const char *path,
                                  json_t **ret_json);
