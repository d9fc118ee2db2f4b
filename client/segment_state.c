/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "segment_state.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "memstream.h"
#include "print.h"

static void write_clash(FILE *out, const json_t *object)
{
    json_t *guest;
    size_t i;

    fputs("clash", out);
    json_array_foreach(json_object_get(object, "clash"), i, guest)
        fprintf(out, "%s%s", i ? ", " : " ", print_member(guest, "name"));
}

static const char *base_state(const json_t *segment, const json_t *attachment)
{
    if (attachment)
        return print_member(attachment, "state");
    if (json_is_true(json_object_get(segment, "kept")))
        return "kept";
    return json_object_get(segment, "opened") ? "open" : "-";
}

static bool is_one_of(const char *state, const char *a, const char *b)
{
    return strcmp(state, a) == 0 || strcmp(state, b) == 0;
}

static unsigned percent(const json_t *segment, const json_t *progress)
{
    double size = (double)json_integer_value(json_object_get(segment, "size"));
    double done = (double)json_integer_value(json_object_get(progress, "done"));

    return size > 0 && done > 0 && done <= size ? (unsigned)(done * 100 / size) : 0;
}

/* Work that is under way is that of the attachment which is not settled. */
static void write_base(FILE *out, const json_t *segment, const json_t *attachment)
{
    const char *base = base_state(segment, attachment);
    const json_t *progress = json_object_get(segment, "progress");

    if (progress && !is_one_of(base, "attached", "quarantined"))
        fprintf(out, "%s %u%%", print_member(progress, "step"), percent(segment, progress));
    else
        fputs(base, out);
}

static void write_state(FILE *out, const json_t *segment, const json_t *attachment)
{
    bool clash = json_array_size(json_object_get(segment, "clash")) > 0;
    bool ordinary = is_one_of(base_state(segment, attachment), "attached", "kept") &&
                    !json_object_get(segment, "progress");

    if (!clash || !ordinary)
        write_base(out, segment, attachment);
    if (clash && !ordinary)
        fputs(", ", out);
    if (clash)
        write_clash(out, segment);
}

char *segment_state_text(const json_t *segment, const json_t *attachment)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (!out)
        return NULL;
    write_state(out, segment, attachment);
    return memstream_end(out, &text);
}

char *clash_text(const json_t *object)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (!out)
        return NULL;
    write_clash(out, object);
    return memstream_end(out, &text);
}
