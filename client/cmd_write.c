/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* write: standard input into a segment; all of it, or nothing. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "commands.h"
#include "remote.h"
#include "segment_bytes.h"
#include "size_argument.h"
#include "xenshm-memory.h"

#define CHUNK (64 * 1024)
/* What is gathered here before it goes to another host. */
#define GATHER_MAX (1024 * 1024 * 1024)

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

/* An input that ended too early, since who wrote it did, is not the whole. */
static enum exit_status check_length(const struct invocation *invocation, const struct input *input)
{
    const char *text = options_value(&invocation->options, "length");
    enum exit_status status = STATUS_DONE;
    uint64_t length = input->size;

    if (text)
        status = size_argument_bytes(invocation, "length", text, &length);
    if (status != STATUS_DONE || input->size == length)
        return status;
    complain(invocation,
             "standard input has %zu bytes, not %" PRIu64 " as --length says; nothing was written",
             input->size, length);
    return STATUS_REFUSED;
}

/* ---- on another host */

/* Gathers standard input in `file`, and makes that standard input. Returns 0 or -errno. */
static int gather(FILE *file, uint64_t *ret_length)
{
    char chunk[CHUNK];
    size_t n;

    errno = EIO;
    for (*ret_length = 0; (n = fread(chunk, 1, CHUNK, stdin)) > 0; *ret_length += n) {
        if (*ret_length + n > GATHER_MAX)
            return -EFBIG;
        if (fwrite(chunk, 1, n, file) != n)
            return -errno;
    }
    if (ferror(stdin) || fflush(file) != 0 || lseek(fileno(file), 0, SEEK_SET) < 0 ||
        dup2(fileno(file), STDIN_FILENO) < 0 || fcntl(fileno(file), F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}

/*
 * Over there the end of the line looks like the end of the input, and half of it would be written.
 * So its length goes first.
 */
static enum exit_status write_there(const struct invocation *invocation)
{
    _cleanup_(cleanup_fclose) FILE *file = NULL;
    char option[40];
    uint64_t length = 0;
    int r;

    if (options_has(&invocation->options, "length"))
        return remote_run(invocation, NULL, 0);
    file = tmpfile();
    r = file ? gather(file, &length) : -errno;
    if (r == -EFBIG) {
        complain(invocation, "standard input has more than 1 GiB; tell its length with --length");
        return STATUS_REFUSED;
    }
    if (r) {
        complain(invocation,
                 "cannot gather standard input in a temporary file: %s; nothing was written; tell "
                 "its length with --length",
                 strerror(-r));
        return STATUS_REFUSED;
    }
    snprintf(option, sizeof(option), "--length=%" PRIu64, length);
    return remote_run(invocation, option, 0);
}

enum exit_status cmd_write(const struct invocation *invocation)
{
    _cleanup_(segment_bytes_clear) struct segment_bytes bytes = { 0 };
    _cleanup_(input_clear) struct input input = { 0 };
    enum exit_status status;

    if (invocation->host)
        return write_there(invocation);
    status = segment_bytes_open(&bytes, invocation);
    if (status == STATUS_DONE)
        status = take_input(invocation, &bytes, &input);
    if (status == STATUS_DONE)
        status = check_length(invocation, &input);
    if (status != STATUS_DONE)
        return status;
    xenshm_copy_in(bytes.start, input.data, input.size);
    xenshm_barrier(); /* it is there before whatever the caller does next */
    return STATUS_DONE;
}
