/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of the daemon's results the library's structs do not have. Input: lines of a method's name,
 * a tab and a result of it (or "segment event" and the params of one). Output: the members that no
 * table knows, a line each, "segment.show: attachments.colour". Exit status 1 if there are any.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "shapes.h"

/* A member may be read twice, the guest of a result into two places: so sets of tables. */
#define SET_MAX 4

struct set {
    const struct shape *shapes[SET_MAX];
    size_t count;
};

static const struct {
    const char *method;
    struct set set;
} methods[] = {
    { "daemon.status", { { &shape_status }, 1 } },
    { "pool.list", { { &shape_pools }, 1 } },
    { "pool.map", { { &shape_runs }, 1 } },
    { "segment.list", { { &shape_segments }, 1 } },
    { "segment.show", { { &shape_segment }, 1 } },
    { "segment.alloc", { { &shape_segment }, 1 } },
    { "segment.free", { { &shape_segment }, 1 } },
    { "segment.open", { { &shape_opened }, 1 } },
    { "guest.list", { { &shape_guests }, 1 } },
    { "guest.attach", { { &shape_attachment }, 1 } },
    { "guest.detach", { { &shape_attachments }, 1 } },
    { "guest.create", { { &shape_created }, 1 } },
    { "guest.destroy", { { &shape_destroyed }, 1 } },
    { "events.subscribe", { { &shape_subscribed }, 1 } },
    { "segment event", { { &shape_event_segment }, 1 } },
    { "attachment event", { { &shape_event_attachment }, 1 } },
    { "created event", { { &shape_event_created }, 1 } },
};

static bool complete = true;

static void look(const char *method, const char *path, const struct set *set, const json_t *value);

/* The tables of a member, and whether any table has it. */
static struct set of_member(const struct set *set, const char *name, bool *ret_known)
{
    struct set found = { { NULL }, 0 };

    *ret_known = false;
    for (size_t i = 0; i < set->count; i++)
        for (const struct field *field = set->shapes[i]->fields; field->name; field++)
            if (strcmp(field->name, name) == 0) {
                *ret_known = true;
                if (field->shape && found.count < SET_MAX)
                    found.shapes[found.count++] = field->shape;
            }
    return found;
}

static void look_at_object(const char *method, const char *path, const struct set *set,
                           const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value) {
        char below[256];
        bool known;
        struct set found = of_member(set, name, &known);

        snprintf(below, sizeof(below), "%s%s%s", path, *path ? "." : "", name);
        if (!known) {
            printf("%s: %s\n", method, below);
            complete = false;
        } else if (found.count) {
            look(method, below, &found, value);
        }
    }
}

static void look(const char *method, const char *path, const struct set *set, const json_t *value)
{
    json_t *item;
    size_t i;

    if (json_is_object(value))
        look_at_object(method, path, set, value);
    json_array_foreach(value, i, item)
        look_at_object(method, path, set, item);
}

static const struct set *find(const char *method)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strcmp(methods[i].method, method) == 0)
            return &methods[i].set;
    printf("%s: no table\n", method);
    complete = false;
    return NULL;
}

int main(void)
{
    _cleanup_(cleanup_free) char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) > 0) {
        char *text = strchr(line, '\t');
        _cleanup_(cleanup_json) json_t *value = text ? json_loads(text + 1, 0, NULL) : NULL;
        const struct set *set;

        if (!value)
            return 2;
        *text = '\0';
        set = find(line);
        if (set)
            look(line, "", set, value);
    }
    return complete ? 0 : 1;
}
