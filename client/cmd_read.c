/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* read: the bytes of a segment on standard output. */
#include <unistd.h>

#include "cleanup.h"
#include "commands.h"
#include "hex_dump.h"
#include "remote.h"
#include "segment_bytes.h"
#include "xenshm-memory.h"

#define CHUNK (64 * 1024) /* whole rows of a dump */

/* Raw bytes can set a terminal to anything. */
static bool wants_dump(const struct invocation *invocation)
{
    if (options_has(&invocation->options, "hex"))
        return true;
    return !options_has(&invocation->options, "raw") && isatty(STDOUT_FILENO);
}

/* A failed write is found by print_end(). */
static void print_bytes(const struct segment_bytes *bytes, bool as_dump)
{
    unsigned char chunk[CHUNK];
    struct hex_dump dump;

    hex_dump_begin(&dump, stdout, bytes->offset);
    for (uint64_t done = 0; done < bytes->size && !ferror(stdout); done += CHUNK) {
        size_t size = bytes->size - done < CHUNK ? (size_t)(bytes->size - done) : CHUNK;

        xenshm_copy_out(chunk, bytes->start + done, size);
        if (as_dump)
            hex_dump_add(&dump, chunk, size);
        else
            (void)fwrite(chunk, 1, size, stdout); /* the loop looks at ferror() */
    }
    if (as_dump)
        hex_dump_end(&dump);
}

enum exit_status cmd_read(const struct invocation *invocation)
{
    _cleanup_(segment_bytes_clear) struct segment_bytes bytes = { 0 };
    enum exit_status status;

    if (options_has(&invocation->options, "hex") && options_has(&invocation->options, "raw"))
        return complain_usage(invocation, "--raw and --hex exclude each other");
    /* Over there standard output is no terminal. */
    if (invocation->host)
        return remote_run(invocation, wants_dump(invocation) ? "--hex" : NULL, 0);
    status = segment_bytes_open(&bytes, invocation);
    if (status != STATUS_DONE)
        return status;
    xenshm_barrier(); /* what was written before this command is seen by it */
    print_bytes(&bytes, wants_dump(invocation));
    return STATUS_DONE;
}
