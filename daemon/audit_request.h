/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which requests the audit is told of, and what it is told they were about. One thread. */
#pragma once

#include <jansson.h>

struct request;

/*
 * A request has ended: `code` of its error, or 0 and its result (may be NULL). Does nothing about
 * one that could change nothing, unless the caller had not the right to it, and about one for a
 * method that there is not.
 */
void audit_request_end(const struct request *request, int code, const json_t *result);
