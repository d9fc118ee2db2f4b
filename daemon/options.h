/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options that both daemons have. One thread. */
#pragma once

#include "config.h"

/* What is special to one program. */
struct options_extra {
    const char *help; /* lines of its own, or "" */
    /* Handles an option of its own: returns 1 when taken (with its value), 0 unknown, -1 bad. */
    int (*take)(void *context, const char *option, const char *value);
    void *context;
};

/*
 * Reads the configuration file, if any, then the options over it. Returns -1 to go on, or the
 * exit status: --help, --version, --check-config and errors end here.
 */
int options_read(int argc, char **argv, const struct options_extra *extra, struct config *config);
