/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From what the user names as a guest's configuration to libxl's JSON. */
#pragma once

#include "invocation.h"

/*
 * `config`: a file for xl, which translates it together with the arguments KEY=VALUE; relative
 * paths in it get its folder. Or "-": JSON from standard input. *ret_json is an object, a new
 * reference. Returns STATUS_DONE, or another status after a complaint.
 */
enum exit_status xl_config_read(const struct invocation *invocation, const char *config,
                                json_t **ret_json);

/* True for an argument that is KEY=VALUE. */
bool xl_config_is_setting(const char *argument);
