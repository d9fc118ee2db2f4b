/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much memory and time a line will take, before it is parsed: a value of three bytes becomes
 * a hundred times as many. Pure.
 */
#pragma once

#include <stddef.h>

#include "error.h"

/* Values in a line at most, names of members not counted. */
#define WEIGHT_VALUES_MAX 16384

/*
 * Returns 0 or a refusal. What is no JSON is not noticed here; what is nested too deep is for the
 * parser to refuse, which looks no further.
 */
int weight_check(const char *line, size_t length, struct error *error);
