/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* write: standard input into a segment; all of it, or nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "remote.h"
#include "segment_bytes.h"
#include "xenshm-memory.h"

#define CHUNK (64 * 1024)

struct input {
    unsigned char *data; /* owned */
    size_t size;
    size_t room;
};

static void input_clear(struct input *input)
{
    free(input->data);
}

/* Room for more, at least a byte, at most `max` in all. Returns 0 or -ENOMEM. */
static int input_grow(struct input *input, size_t max)
{
    size_t room = input->room ? input->room * 2 : CHUNK;
    unsigned char *data;

    if (room > max)
        room = max;
    data = realloc(input->data, room);
    if (!data)
        return -ENOMEM;
    input->data = data;
    input->room = room;
    return 0;
}

/* Up to its end, or to `max` bytes. Returns 0 or -errno. */
static int input_read(struct input *input, size_t max)
{
    while (input->size < max && !feof(stdin)) {
        if (input->size == input->room && input_grow(input, max) != 0)
            return -ENOMEM;
        errno = EIO;
        input->size += fread(input->data + input->size, 1, input->room - input->size, stdin);
        if (ferror(stdin))
            return -errno;
    }
    return 0;
}

/* One byte more than there is room for shows that there are more. */
static enum exit_status take_input(const struct invocation *invocation,
                                   const struct segment_bytes *bytes, struct input *input)
{
    int r = input_read(input, (size_t)bytes->size + 1);

    if (r == -ENOMEM)
        return complain_memory(invocation);
    if (r == 0 && input->size <= bytes->size)
        return STATUS_DONE;
    if (r)
        complain(invocation, "cannot read standard input: %s; nothing was written", strerror(-r));
    else
        complain(invocation,
                 "standard input has more than the %" PRIu64 " bytes that '%s' has from offset "
                 "%" PRIu64 " on; nothing was written",
                 bytes->size, invocation_argument(invocation, 0), bytes->offset);
    return STATUS_REFUSED;
}

enum exit_status cmd_write(const struct invocation *invocation)
{
    _cleanup_(segment_bytes_clear) struct segment_bytes bytes = { 0 };
    _cleanup_(input_clear) struct input input = { 0 };
    enum exit_status status;

    if (invocation->host)
        return remote_run(invocation, NULL, 0);
    status = segment_bytes_open(&bytes, invocation);
    if (status == STATUS_DONE)
        status = take_input(invocation, &bytes, &input);
    if (status != STATUS_DONE)
        return status;
    xenshm_copy_in(bytes.start, input.data, input.size);
    xenshm_barrier(); /* it is there before whatever the caller does next */
    return STATUS_DONE;
}
