/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Escape sequences for what people read; print_colour() tells whether any may be used. */
#pragma once

#define COLOUR_BOLD "\033[1m"
#define COLOUR_RED "\033[31m"
#define COLOUR_GREEN "\033[32m"
#define COLOUR_YELLOW "\033[33m"
#define COLOUR_RESET "\033[0m"

/* By the first word of a state, since what follows it tells more; "": none. */
const char *state_colour(const char *state);
