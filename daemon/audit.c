/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "audit_journal.h"
#include "clock.h"
#include "error.h"
#include "log.h"

/* Bytes of one text of a caller's that are told; escaped, each takes four at most. */
#define TEXT_MAX 64

/* What there is to tell of a change: "key=value" one after the other, in one block. */
struct line {
    char text[AUDIT_LINE];
    size_t length;
};

static bool is_plain(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("._-:@/+", c));
}

/* What might be taken for something else goes as "\xNN", so that a value is always one word. */
static void append_escaped(char *target, size_t room, const char *text)
{
    size_t length = strlen(target);
    int count = 0;

    for (; *text && count < TEXT_MAX && length + 8 < room; text++, count++)
        length += (size_t)snprintf(target + length, room - length,
                                   is_plain(*text) ? "%c" : "\\x%02x", (unsigned char)*text);
    if (*text)
        snprintf(target + length, room - length, "...");
}

void audit_list_add(struct audit_list *list, const char *name)
{
    size_t length = strlen(list->text);

    /* Room for this one, and for how many more there are. */
    if (list->more || length + 4 * TEXT_MAX + 32 > sizeof(list->text)) {
        list->more++;
        return;
    }
    if (length > 0)
        strcat(list->text, ",");
    append_escaped(list->text, sizeof(list->text), name);
}

/* All there can be has room; this is to hold whatever is added one day. */
static void advance(struct line *line, int n)
{
    size_t room = AUDIT_LINE - 1 - line->length;

    line->length += n >= 0 && (size_t)n < room ? (size_t)n : room;
}

__attribute__((format(printf, 3, 4))) static void add(struct line *line, const char *key,
                                                      const char *format, ...)
{
    va_list ap;
    int n;

    n = snprintf(line->text + line->length, AUDIT_LINE - line->length,
                 "%s%s=", line->length ? " " : "", key);
    advance(line, n);
    va_start(ap, format);
    n = vsnprintf(line->text + line->length, AUDIT_LINE - line->length, format, ap);
    va_end(ap);
    advance(line, n);
}

static void add_text(struct line *line, const char *key, const char *text)
{
    char value[4 * TEXT_MAX + 8] = "";

    if (!text || !text[0])
        return;
    append_escaped(value, sizeof(value), text);
    add(line, key, "%s", value);
}

static void add_list(struct line *line, const char *key, const struct audit_list *list)
{
    if (list->more)
        add(line, key, "%s,+%zu", list->text, list->more);
    else if (list->text[0])
        add(line, key, "%s", list->text);
}

static void add_who(struct line *line, const struct access_peer *peer)
{
    add(line, "who", "%s", peer ? "client" : "daemon");
    if (!peer)
        return;
    add(line, "uid", "%u", (unsigned)peer->uid);
    add(line, "pid", "%d", (int)peer->pid);
    add(line, "role", "%s", access_level_name(peer->level));
}

static void send_line(const struct line *line)
{
    if (!audit_journal_send(line->text))
        log_audit(line->text);
}

static void tell(const struct audit_entry *entry)
{
    struct line line = { 0 };

    add_who(&line, entry->peer);
    add_text(&line, "method", entry->method);
    add_text(&line, "guest", entry->guest);
    add_list(&line, "segment", entry->segments);
    if (entry->size)
        add(&line, "size", "%" PRIu64, entry->size);
    add_text(&line, "outcome", entry->code ? error_name(entry->code) : "ok");
    send_line(&line);
}

static void tell_left_out(struct report_limit *limit, uint64_t now)
{
    struct report_user user;

    while (report_limit_next(limit, now, &user)) {
        struct line line = { 0 };

        add(&line, "who", "client");
        if (user.uid == REPORT_OTHERS)
            add(&line, "uid", "others");
        else
            add(&line, "uid", "%" PRIu32, user.uid);
        add(&line, "left-out", "%" PRIu64, user.left_out);
        add(&line, "outcome", "refused");
        send_line(&line);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *context);

/* Without memory for a timer it is told with the next refusal, or at the end. */
static void arm(struct audit *audit, uint64_t now)
{
    uint64_t end = report_limit_end(&audit->limit), wait = end > now ? end - now : 0;
    struct timeval time = { .tv_sec = (time_t)(wait / 1000), .tv_usec = wait % 1000 * 1000 };

    if (end == 0)
        return;
    if (!audit->timer && audit->base)
        audit->timer = event_new(audit->base, -1, 0, on_timer, audit);
    /* Whose span began later has a turn when it fires. */
    if (audit->timer && !event_pending(audit->timer, EV_TIMEOUT, NULL))
        event_add(audit->timer, &time);
}

/* The loop's clock is a coarser one: it may come a little early. */
static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct audit *audit = context;
    uint64_t now = clock_milliseconds();

    tell_left_out(&audit->limit, now);
    arm(audit, now);
}

void audit_init(struct audit *audit, struct event_base *base)
{
    *audit = (struct audit){ .base = base };
}

void audit_clear(struct audit *audit)
{
    tell_left_out(&audit->limit, UINT64_MAX);
    if (audit->timer)
        event_free(audit->timer);
    *audit = (struct audit){ 0 };
}

void audit_request(struct audit *audit, const struct audit_entry *entry)
{
    uint64_t now = clock_milliseconds();

    if (entry->code) {
        tell_left_out(&audit->limit, now);
        if (!report_limit_take(&audit->limit, entry->peer->uid, now)) {
            arm(audit, now);
            return;
        }
    }
    tell(entry);
}

void audit_own(const char *event, const char *guest, const char *segment, uint64_t size, int code)
{
    struct audit_list segments = { 0 };

    if (segment)
        audit_list_add(&segments, segment);
    tell(&(struct audit_entry){
        .method = event,
        .guest = guest,
        .segments = &segments,
        .size = size,
        .code = code,
    });
}
