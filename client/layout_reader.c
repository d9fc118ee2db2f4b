/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PLACE_MAX 160

static const char *place_text(const struct reader *reader, char buffer[static PLACE_MAX])
{
    const char *name = reader->segment ? reader->segment->name : NULL;
    int n = 0;

    buffer[0] = '\0';
    if (reader->segment)
        n = snprintf(buffer, PLACE_MAX, "segments[%zu]", reader->segment_index);
    if (reader->guest)
        n += snprintf(buffer + n, PLACE_MAX - (size_t)n, ".guests[%zu]", reader->guest_index);
    if (name)
        n += snprintf(buffer + n, PLACE_MAX - (size_t)n, " (segment '%s')", name);
    if (n)
        snprintf(buffer + n, PLACE_MAX - (size_t)n, ": ");
    return buffer;
}

int reader_refuse(struct reader *reader, const char *format, ...)
{
    char text[ERROR_MESSAGE_MAX], place[PLACE_MAX];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    return error_set(reader->error, XENSHM_CONFIG_INVALID, "%s%s", place_text(reader, place), text);
}

/* Every member has a key: unknown ones are mistakes, perhaps of one that is meant. */
static int check_known(struct reader *reader, json_t *object, const struct reader_key *keys)
{
    char known[128] = "";
    const char *name;
    json_t *value;

    for (const struct reader_key *key = keys; key->name; key++) {
        size_t length = strlen(known);

        snprintf(known + length, sizeof(known) - length, "%s%s", length ? ", " : "", key->name);
    }
    json_object_foreach(object, name, value) {
        const struct reader_key *key = keys;

        while (key->name && strcmp(key->name, name) != 0)
            key++;
        if (!key->name)
            return reader_refuse(reader, "'%.64s' is not known here; what may stand here: %s", name,
                                 known);
    }
    return 0;
}

int reader_object(struct reader *reader, json_t *object, const struct reader_key *keys,
                  void *target)
{
    int r = check_known(reader, object, keys);

    for (const struct reader_key *key = keys; r == 0 && key->name; key++) {
        json_t *value = json_object_get(object, key->name);

        if (value)
            r = key->take(reader, value, target);
        else if (key->required)
            r = reader_refuse(reader, "'%s' is missing", key->name);
    }
    return r;
}
