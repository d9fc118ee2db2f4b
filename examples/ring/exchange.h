/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the two example programs do with their ring: each sends numbered messages of many lengths,
 * and checks those of the other: none lost, none torn, none twice, in order. This is the part that
 * a program of your own replaces.
 */
#pragma once

#include <stdint.h>

#include "ring.h"

#define PAYLOAD_MAX 480

struct message {
    uint32_t number;
    uint32_t checksum; /* of number and payload */
    uint8_t payload[PAYLOAD_MAX];
};

struct exchange {
    const char *program; /* its name, in what is printed */
    uint32_t messages;   /* how many, each way */
    unsigned patience;   /* seconds without anything happening */
    int stop_fd;         /* readable: stop; -1: none */

    struct message next; /* the message to be sent, */
    uint32_t length;     /* and its length; 0: not made yet */

    uint32_t sent;
    uint32_t received; /* the next number expected */
    uint32_t lost;
    uint32_t torn;
    uint32_t repeated;
    uint32_t resets;
};

/*
 * Sends and receives until both sides have everything, and prints one line with the counts. Returns
 * the exit status: 0 if every message came once, whole and in order. When the other side begins
 * anew, so does this one.
 */
int exchange_run(struct exchange *exchange, struct ring *ring);
