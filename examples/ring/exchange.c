/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exchange.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "backoff.h"

#define MESSAGE_MIN offsetof(struct message, payload)

/* CRC-32 as zlib has it, bit by bit: slow and short. */
static uint32_t crc32(uint32_t crc, const uint8_t *bytes, uint32_t length)
{
    crc = ~crc;
    for (uint32_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static uint32_t checksum(const struct message *message, uint32_t length)
{
    uint32_t crc = crc32(0, (const uint8_t *)&message->number, sizeof(message->number));

    return crc32(crc, message->payload, length - MESSAGE_MIN);
}

/* Message `number`: a payload of any length up to PAYLOAD_MAX, with bytes of its own. Returns its
 * length. */
static uint32_t compose(struct message *message, uint32_t number, uint32_t longest)
{
    uint32_t noise = number * 2654435761u + 1;
    uint32_t limit = longest - MESSAGE_MIN < PAYLOAD_MAX ? longest - MESSAGE_MIN : PAYLOAD_MAX;
    uint32_t length = MESSAGE_MIN + (noise >> 8) % (limit + 1);

    message->number = number;
    for (uint32_t i = 0; i < length - MESSAGE_MIN; i++) {
        noise = noise * 1664525u + 1013904223u;
        message->payload[i] = noise >> 24;
    }
    message->checksum = checksum(message, length);
    return length;
}

static void judge(struct exchange *exchange, const struct message *message, uint32_t length)
{
    if (length < MESSAGE_MIN || message->checksum != checksum(message, length) ||
        message->number >= exchange->messages) {
        exchange->torn++;
        exchange->received++;
    } else if (message->number < exchange->received) {
        exchange->repeated++;
    } else {
        exchange->lost += message->number - exchange->received;
        exchange->received = message->number + 1;
    }
}

static int send_next(struct exchange *exchange, struct ring *ring)
{
    int r;

    if (exchange->sent == exchange->messages)
        return ring_flush(ring);
    if (!exchange->length)
        exchange->length = compose(&exchange->next, exchange->sent, ring_message_max(ring));
    r = ring_send(ring, &exchange->next, exchange->length);
    if (!r) {
        exchange->sent++;
        exchange->length = 0;
    }
    return r;
}

static int receive_next(struct exchange *exchange, struct ring *ring)
{
    struct message message;
    uint32_t length;
    int r = ring_receive(ring, &message, sizeof(message), &length);

    if (!r)
        judge(exchange, &message, length);
    else if (r == -EMSGSIZE)
        exchange->torn++;
    return r;
}

static void begin_anew(struct exchange *exchange)
{
    exchange->sent = exchange->received = exchange->length = 0;
    exchange->lost = exchange->torn = exchange->repeated = 0;
    exchange->resets++;
}

enum round {
    ROUND_NOTHING,
    ROUND_PROGRESS,
    ROUND_DONE,
    ROUND_STRANGER,
};

static enum round one_round(struct exchange *exchange, struct ring *ring)
{
    uint32_t before = exchange->sent + exchange->received;
    bool all_sent = exchange->sent == exchange->messages;
    int sending = send_next(exchange, ring);
    int receiving = sending == -ECONNRESET ? -ECONNRESET : receive_next(exchange, ring);

    if (receiving == -ECONNRESET)
        begin_anew(exchange);
    else if (receiving == -EPROTONOSUPPORT)
        return ROUND_STRANGER;
    else if (all_sent && !sending && exchange->received >= exchange->messages)
        return ROUND_DONE;
    return exchange->sent + exchange->received > before ? ROUND_PROGRESS : ROUND_NOTHING;
}

static int report(const struct exchange *exchange)
{
    bool good = !exchange->lost && !exchange->torn && !exchange->repeated &&
                exchange->received == exchange->messages;

    printf("%s: sent %u, received %u, %u lost, %u torn, %u twice, begun anew %u times\n",
           exchange->program, exchange->sent, exchange->received, exchange->lost, exchange->torn,
           exchange->repeated, exchange->resets);
    return good ? 0 : 1;
}

static int give_up(const struct exchange *exchange, const char *why)
{
    fprintf(stderr, "%s: %s (sent %u, received %u of %u)\n", exchange->program, why, exchange->sent,
            exchange->received, exchange->messages);
    return 1;
}

static int give_up_waiting(const struct exchange *exchange, enum round last)
{
    return give_up(exchange,
                   last == ROUND_STRANGER
                       ? "the other side has another version or maps another size; use one "
                         "version, and give both the segment's whole size"
                       : "nothing comes from the other side; run it on the same segment, with the "
                         "same number of messages");
}

static time_t seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

int exchange_run(struct exchange *exchange, struct ring *ring)
{
    time_t since = seconds();
    struct backoff backoff;
    enum round round;

    backoff_reset(&backoff);
    while ((round = one_round(exchange, ring)) != ROUND_DONE) {
        if (round == ROUND_PROGRESS) {
            backoff_reset(&backoff);
            since = seconds();
        } else if (backoff_wait(&backoff, exchange->stop_fd)) {
            return give_up(exchange, "xenshmd is gone; start again when it is back");
        } else if (seconds() - since > exchange->patience) {
            return give_up_waiting(exchange, round);
        }
    }
    return report(exchange);
}
