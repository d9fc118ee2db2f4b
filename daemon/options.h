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

/* The command line, to be read again. It points into argv, which stays as it is. */
struct options {
    int argc;
    char **argv;
};

/*
 * Reads the configuration file, if any, then the options over it. Returns -1 to go on, or the
 * exit status: --help, --version, --check-config, --show-config and errors end here. To go on means
 * with SIGHUP held back until reload_open().
 */
int options_read(int argc, char **argv, const struct options_extra *extra,
                 struct options *ret_options, struct config *config);

/*
 * Reads file and command line again, as at the start, into a fresh *ret_config; options that were
 * extra->take()n then are passed over. A file that --config names must be there; the default one is
 * read if it is there now. Returns 0, or a refusal in *error (CONFIG_INVALID) with nothing to
 * clear.
 */
int options_reload(const struct options *options, struct config *ret_config, struct error *error);
