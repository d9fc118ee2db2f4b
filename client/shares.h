/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shares on the command line of create: each a SIZE or --segment, and the options after it. */
#pragma once

#include "invocation.h"

/*
 * Reads them from the arguments after the first, those with a '=' aside, and the options. The array
 * *ret_shares is a new reference. Returns STATUS_DONE, or another status after a complaint.
 */
enum exit_status shares_read(const struct invocation *invocation, json_t **ret_shares);
