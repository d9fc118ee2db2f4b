/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "event_line.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "memstream.h"
#include "print.h"

#define TIME_TEXT_MAX 32

/* "2026-03-01T12:00:00.123Z" -> "13:00:00.123", where that is the time here. */
static const char *local_time(const char *text, char buffer[static TIME_TEXT_MAX])
{
    struct tm utc = { 0 }, here;
    const char *fraction = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    time_t seconds;
    size_t length;

    if (!fraction)
        return text;
    seconds = timegm(&utc);
    localtime_r(&seconds, &here);
    length = strftime(buffer, TIME_TEXT_MAX, "%H:%M:%S", &here);
    snprintf(buffer + length, TIME_TEXT_MAX - length, "%.*s", (int)strcspn(fraction, "Z"),
             fraction);
    return buffer;
}

/* ---- what it happened to */

static void write_attachment(FILE *out, const struct xenshm_attachment *attachment)
{
    char size[SIZE_TEXT_MAX];

    fprintf(out, "%s: %s at 0x%" PRIx64 " in %s", attachment->segment,
            print_size(attachment->size, size), attachment->guest_address, attachment->guest.name);
}

static void write_segment(FILE *out, const struct xenshm_segment *segment)
{
    char size[SIZE_TEXT_MAX], done[SIZE_TEXT_MAX];

    fprintf(out, "%s: %s (host 0x%" PRIx64 ")", segment->name, print_size(segment->size, size),
            segment->host_address);
    if (segment->progress)
        fprintf(out, ", %s, %s done", segment->progress->step,
                segment->progress->done ? print_size(segment->progress->done, done) : "nothing");
    for (size_t i = 0; i < segment->clash_count; i++)
        fprintf(out, "%s %s", i ? "," : ", also held by", segment->clash[i]->name);
}

static void write_created(FILE *out, const struct xenshm_created *created)
{
    fprintf(out, "%s: domid %" PRId64, created->guest.name, created->guest.domid);
    for (size_t i = 0; i < created->attachment_count; i++)
        fprintf(out, "%s %s", i ? "," : ", with", created->attachments[i]->segment);
}

static void write_ended(FILE *out, const json_t *object)
{
    fprintf(out, "%s: %s", print_member(json_object_get(object, "guest"), "name"),
            print_member(object, "reason"));
}

static void write_failed(FILE *out, const json_t *object)
{
    fprintf(out, "%s: %s (%s)", print_member(json_object_get(object, "guest"), "name"),
            print_member(object, "problem"), print_member(object, "error"));
}

static void write_order(FILE *out, const json_t *object)
{
    fprintf(out, "%s: %s (%s)", print_member(object, "segment"), print_member(object, "problem"),
            print_member(object, "name"));
}

static void write_path(FILE *out, const json_t *object)
{
    fputs(print_member(object, "path"), out);
}

static const struct {
    const char *type;
    void (*write)(FILE *out, const json_t *object);
} shapes[] = {
    { "guest.ended", write_ended },
    { "guest.failed", write_failed },
    { "order.failed", write_order },
    { "config.reloaded", write_path },
};

static int write_other(FILE *out, const struct xenshm_event *event)
{
    _cleanup_(cleanup_json) json_t *object = NULL;

    if (!event->object)
        return 0;
    object = json_loads(event->object, JSON_DECODE_ANY, NULL);
    if (!object)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (strcmp(shapes[i].type, event->type) == 0) {
            shapes[i].write(out, object);
            return 0;
        }
    fputs(event->object, out);
    return 0;
}

static int write_object(FILE *out, const struct xenshm_event *event)
{
    if (event->attachment)
        write_attachment(out, event->attachment);
    else if (event->created)
        write_created(out, event->created);
    else if (event->segment)
        write_segment(out, event->segment);
    else
        return write_other(out, event);
    return 0;
}

/* ---- the line */

int event_line_print(const struct xenshm_event *event)
{
    _cleanup_(cleanup_free) char *text = NULL;
    char time[TIME_TEXT_MAX];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    int r;

    if (!out)
        return -ENOMEM;
    r = write_object(out, event);
    if (!memstream_end(out, &text) || r)
        return -ENOMEM;
    return print_text("%s %s%s%s", local_time(event->time, time), event->type, *text ? " " : "",
                      text);
}

int event_line_print_json(const struct xenshm_event *event)
{
    _cleanup_(cleanup_json) json_t *object = NULL, *line = NULL;

    object = event->object ? json_loads(event->object, JSON_DECODE_ANY, NULL) : json_null();
    if (object)
        line = json_pack("{s:I, s:s, s:s, s:O}", "seq", (json_int_t)event->seq, "type", event->type,
                         "time", event->time, "object", object);
    if (!line)
        return -ENOMEM;
    if (json_dumpf(line, stdout, JSON_COMPACT) != 0 && !ferror(stdout))
        return -ENOMEM;
    putchar('\n');
    return 0;
}
