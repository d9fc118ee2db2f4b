/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs another program to its end and takes in what it says. Its input is empty; a program that
 * says too much, or does not end, is killed.
 */
#pragma once

#include <stddef.h>

/* Of a program's standard error so much is kept, its beginning. */
#define PROGRAM_ERRORS_MAX (64 * 1024)

/* Both texts are owned and end with a NUL that is not counted. */
struct program_result {
    char *output;
    size_t output_size;
    char *errors;
    size_t errors_size;
    int status; /* of waitpid() */
};

enum {
    PROGRAM_E_TIMEOUT = 1, /* it had not ended after so many seconds */
    PROGRAM_E_TOO_LONG,    /* more output than that */
};

/*
 * `argv` ends with NULL; argv[0] is looked for in PATH. Returns 0, whatever the program's status;
 * a refusal; or -errno: it could not be started. ret is filled in each case, as far as it came.
 */
int program_run(char *const *argv, size_t output_max, unsigned seconds, struct program_result *ret);
void program_result_clear(struct program_result *result);
