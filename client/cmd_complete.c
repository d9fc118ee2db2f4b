/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * __complete: what the completions of the shells (client/completion/) ask. Its arguments are the
 * words of the line up to the cursor, without the program's name; the last one is being typed.
 */
#include "cleanup.h"
#include "commands.h"
#include "complete.h"

static void line_clear(struct complete_line *line)
{
    invocation_clear(&line->invocation);
}

enum exit_status cmd_complete(const struct invocation *invocation)
{
    size_t count = invocation->argument_count - 1;
    _cleanup_(cleanup_free) char **words = calloc(count + 1, sizeof(*words));
    _cleanup_(line_clear) struct complete_line line = {
        .word = invocation_argument(invocation, count),
    };

    if (!words)
        return complain_memory(invocation);
    for (size_t i = 0; i < count; i++)
        words[i] = (char *)invocation_argument(invocation, i);
    if (invocation_read_begun(&line.invocation, words, &line.open) == STATUS_DONE)
        complete_line(&line);
    return STATUS_DONE;
}
