/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "message.h"

static const char *const type_names[] = {
#define TYPE_NAME(name, text) name,
    EVENTS_TYPES(TYPE_NAME)
#undef TYPE_NAME
};

_Static_assert(EVENTS_TYPE_COUNT < 32, "a set of types has 32 bits, of which EVENTS_ALL has all");

struct events_line {
    TAILQ_ENTRY(events_line) link;
    uint64_t seq;
    events_set type;
    size_t readers; /* subscribers whose `next` it is */
    size_t length;
    char *text; /* owned */
};

void events_init(struct events *events)
{
    *events = (struct events){ .backlog_max = EVENTS_BACKLOG };
    TAILQ_INIT(&events->subscribers);
    TAILQ_INIT(&events->lines);
}

events_set events_type(const char *name)
{
    for (size_t i = 0; i < EVENTS_TYPE_COUNT; i++)
        if (strcmp(type_names[i], name) == 0)
            return (events_set)1 << i;
    return 0;
}

const char *events_type_name(size_t index)
{
    return type_names[index];
}

bool events_wanted(const struct events *events)
{
    return !TAILQ_EMPTY(&events->subscribers);
}

/* RFC 3339, UTC, with milliseconds. */
static const char *format_time(char text[static 40])
{
    struct timespec now;
    struct tm parts;
    size_t length;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    length = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, 40 - length, ".%03dZ", (int)(now.tv_nsec / 1000000));
    return text;
}

/* Type and time need no escaping, and `object` is JSON: no tree is needed around it. */
static char *format_line(uint64_t seq, const char *type, const char *object, size_t *ret_length)
{
    static const char format[] = "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"seq\":"
                                 "%" PRIu64 ",\"type\":\"%s\",\"time\":\"%s\",\"object\":%s}}\n";
    char time[40];
    size_t size;
    char *text;

    format_time(time);
    /* 20: the digits of a number of 64 bits. */
    size = sizeof(format) + 20 + strlen(type) + strlen(time) + strlen(object);
    text = malloc(size);
    if (text)
        *ret_length = (size_t)snprintf(text, size, format, seq, type, time, object);
    return text;
}

static struct events_line *line_new(uint64_t seq, const char *type, const json_t *object)
{
    _cleanup_(cleanup_free) char *described = object ? message_text(object) : NULL;
    struct events_line *line = calloc(1, sizeof(*line));

    if (!line)
        return NULL;
    line->seq = seq;
    line->type = events_type(type);
    line->text = format_line(seq, type, described ? described : "null", &line->length);
    if (!line->text) {
        free(line);
        return NULL;
    }
    return line;
}

/* Lets go of the oldest lines, as far as nobody is to take them any more. */
static void trim(struct events *events)
{
    struct events_line *line;

    while ((line = TAILQ_FIRST(&events->lines)) && line->readers == 0) {
        TAILQ_REMOVE(&events->lines, line, link);
        events->backlog -= line->length;
        free(line->text);
        free(line);
    }
}

/* `line`: the one that the subscriber is to take next; NULL: none. */
static void move_to(struct subscriber *subscriber, struct events_line *line)
{
    if (subscriber->next)
        subscriber->next->readers--;
    if (line)
        line->readers++;
    subscriber->next = line;
}

static bool listens(const struct subscriber *subscriber, events_set type)
{
    return !subscriber->missed && (subscriber->types & type);
}

/* What waits for it is lost, with the event `seq`: the first of them is what it missed. */
static void cut_off(struct subscriber *subscriber, uint64_t seq)
{
    subscriber->missed = subscriber->next ? subscriber->next->seq : seq;
    move_to(subscriber, NULL);
    subscriber->deliver(subscriber);
}

/* Cuts off whoever is to take this line next. */
static void cut_off_at(struct events *events, const struct events_line *line)
{
    struct subscriber *subscriber, *following;

    for (subscriber = TAILQ_FIRST(&events->subscribers); subscriber; subscriber = following) {
        following = TAILQ_NEXT(subscriber, link);
        if (subscriber->next == line)
            cut_off(subscriber, events->seq);
    }
}

/* Cuts off those that are too far behind: they are at the oldest lines. */
static void limit_backlog(struct events *events)
{
    struct events_line *line;

    while (events->backlog > events->backlog_max && (line = TAILQ_FIRST(&events->lines)) &&
           TAILQ_NEXT(line, link)) {
        cut_off_at(events, line);
        trim(events);
    }
}

/* There is no line for the last event. */
static void lose(struct events *events, events_set type)
{
    struct subscriber *subscriber, *following;

    for (subscriber = TAILQ_FIRST(&events->subscribers); subscriber; subscriber = following) {
        following = TAILQ_NEXT(subscriber, link);
        if (listens(subscriber, type))
            cut_off(subscriber, events->seq);
    }
    trim(events);
}

static void queue(struct events *events, struct events_line *line)
{
    struct subscriber *subscriber;

    TAILQ_INSERT_TAIL(&events->lines, line, link);
    events->backlog += line->length;
    TAILQ_FOREACH(subscriber, &events->subscribers, link)
        if (listens(subscriber, line->type) && !subscriber->next)
            move_to(subscriber, line);
}

static void deliver(struct events *events, events_set type)
{
    struct subscriber *subscriber, *following;

    for (subscriber = TAILQ_FIRST(&events->subscribers); subscriber; subscriber = following) {
        following = TAILQ_NEXT(subscriber, link);
        if (listens(subscriber, type))
            subscriber->deliver(subscriber);
    }
}

static bool anybody_listens(const struct events *events, events_set type)
{
    const struct subscriber *subscriber;

    TAILQ_FOREACH(subscriber, &events->subscribers, link)
        if (listens(subscriber, type))
            return true;
    return false;
}

void events_emit(struct events *events, const char *type, json_t *object)
{
    events_set set = events_type(type);
    struct events_line *line;

    assert(set);
    events->seq++;
    events->emitted[__builtin_ctz(set)]++;
    if (anybody_listens(events, set)) {
        line = line_new(events->seq, type, object);
        if (line) {
            queue(events, line);
            limit_backlog(events);
            deliver(events, set);
        } else {
            lose(events, set);
        }
    }
    json_decref(object);
}

void events_subscribe(struct events *events, struct subscriber *subscriber, events_set types)
{
    events_unsubscribe(subscriber);
    subscriber->events = events;
    subscriber->types = types;
    TAILQ_INSERT_TAIL(&events->subscribers, subscriber, link);
}

void events_unsubscribe(struct subscriber *subscriber)
{
    struct events *events = subscriber->events;

    if (!events)
        return;
    TAILQ_REMOVE(&events->subscribers, subscriber, link);
    move_to(subscriber, NULL);
    subscriber->events = NULL;
    subscriber->missed = 0;
    trim(events);
}

const char *events_next(const struct subscriber *subscriber, size_t *ret_length)
{
    if (!subscriber->next)
        return NULL;
    *ret_length = subscriber->next->length;
    return subscriber->next->text;
}

void events_take(struct subscriber *subscriber)
{
    struct events_line *line = TAILQ_NEXT(subscriber->next, link);

    while (line && !(line->type & subscriber->types))
        line = TAILQ_NEXT(line, link);
    move_to(subscriber, line);
    trim(subscriber->events);
}

char *events_overflow_line(const struct subscriber *subscriber, size_t *ret_length)
{
    return format_line(subscriber->missed, EVENTS_OVERFLOW, "null", ret_length);
}
