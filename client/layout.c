/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "layout_reader.h"
#include "range.h"
#include "size.h"

/* ---- guests */

static int take_guest_name(struct reader *reader, json_t *value, void *target)
{
    struct layout_guest *guest = target;
    size_t length = json_string_length(value);

    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        snprintf(guest->called, sizeof(guest->called), "%" JSON_INTEGER_FORMAT,
                 json_integer_value(value));
        return 0;
    }
    if (length < 1 || length >= sizeof(guest->called))
        return reader_refuse(reader, "'guest' must be a guest's name, domid or UUID");
    strcpy(guest->called, json_string_value(value));
    return 0;
}

static int take_address(struct reader *reader, json_t *value, void *target)
{
    struct params_address *address = &((struct layout_guest *)target)->address;
    const char *text = json_string_value(value);

    if (text && strcmp(text, "identity") == 0) {
        address->kind = PARAMS_ADDRESS_IDENTITY;
        return 0;
    }
    if (!text || params_parse_address(text, &address->value) < 0)
        return reader_refuse(reader,
                             "'address' must be a string like \"0x3a000000\", or \"identity\"");
    if (!page_aligned(address->value))
        return reader_refuse(reader, "'address' %s is not a multiple of the page size, 0x1000",
                             text);
    address->kind = PARAMS_ADDRESS_GIVEN;
    return 0;
}

static const struct reader_key guest_keys[] = {
    { "guest", true, take_guest_name },
    { "address", false, take_address },
    { 0 },
};

static int take_guests(struct reader *reader, json_t *value, void *target)
{
    struct layout_segment *segment = target;
    json_t *item;
    size_t i;
    int r = 0;

    if (!json_is_array(value))
        return reader_refuse(reader, "'guests' must be an array");
    segment->guests = calloc(json_array_size(value) + 1, sizeof(*segment->guests));
    if (!segment->guests)
        return -ENOMEM;
    json_array_foreach(value, i, item) {
        reader->guest = &segment->guests[i];
        reader->guest_index = i;
        r = json_is_object(item) ? reader_object(reader, item, guest_keys, &segment->guests[i])
                                 : reader_refuse(reader, "a guest is an object {\"guest\": NAME}");
        if (r)
            return r;
        segment->guest_count++;
    }
    reader->guest = NULL;
    return 0;
}

/* ---- segments */

static int take_name(struct reader *reader, json_t *value, void *target)
{
    const char *name = json_string_value(value);

    if (!name || !params_name_valid(name))
        return reader_refuse(reader,
                             "'name' must be a letter or digit, then up to 62 letters, digits, "
                             "'.', '_' or '-'");
    ((struct layout_segment *)target)->name = name;
    return 0;
}

/* Bytes: an integer, or a text like that of the command line. */
static int read_bytes(struct reader *reader, const char *key, json_t *value, uint64_t *ret_bytes)
{
    const char *text = json_string_value(value);
    int r = SIZE_E_SYNTAX;

    if (text)
        r = size_parse(text, ret_bytes);
    else if (json_is_integer(value) && json_integer_value(value) >= 0)
        r = json_integer_value(value) ? 0 : SIZE_E_ZERO;
    if (r == SIZE_E_ZERO)
        return reader_refuse(reader, "'%s' is zero; give at least one page, for example \"4K\"",
                             key);
    if (r == SIZE_E_RANGE)
        return reader_refuse(reader, "'%s' is too large, less than 8 EiB can be asked for", key);
    if (r)
        return reader_refuse(reader, "'%s' must be a number of bytes, or a string like \"64K\"",
                             key);
    if (!text)
        *ret_bytes = (uint64_t)json_integer_value(value);
    return 0;
}

static int take_size(struct reader *reader, json_t *value, void *target)
{
    struct layout_segment *segment = target;
    int r = read_bytes(reader, "size", value, &segment->size_said);

    segment->size = pages_to_bytes(bytes_to_pages(segment->size_said));
    if (r == 0 && segment->size > SIZE_LIMIT)
        r = reader_refuse(reader, "'size' is too large, less than 8 EiB can be asked for");
    return r;
}

static int take_pool(struct reader *reader, json_t *value, void *target)
{
    const char *pool = json_string_value(value);

    if (!pool || !*pool)
        return reader_refuse(reader, "'pool' must be the name of a pool");
    ((struct layout_segment *)target)->pool = pool;
    return 0;
}

static int take_align(struct reader *reader, json_t *value, void *target)
{
    struct layout_segment *segment = target;
    int r = read_bytes(reader, "align", value, &segment->align);

    if (r == 0 && (segment->align < PAGE_SIZE || (segment->align & (segment->align - 1))))
        r = reader_refuse(reader, "'align' must be a power of two, 4096 at least");
    return r;
}

static int take_kept(struct reader *reader, json_t *value, void *target)
{
    if (!json_is_boolean(value))
        return reader_refuse(reader, "'kept' must be true or false");
    ((struct layout_segment *)target)->kept = json_is_true(value);
    return 0;
}

static const struct reader_key segment_keys[] = {
    { "name", true, take_name },
    { "size", true, take_size },
    { "pool", false, take_pool },
    { "align", false, take_align },
    { "kept", false, take_kept },
    { "guests", true, take_guests },
    { 0 },
};

/* What no single member can tell. */
static int check_segment(struct reader *reader, const struct layout_segment *segment)
{
    if (!segment->kept && segment->guest_count == 0)
        return reader_refuse(reader,
                             "a segment that is not kept lives as long as a guest has it; name a "
                             "guest, or leave out 'kept'");
    if (!segment->kept && segment->align)
        return reader_refuse(reader,
                             "'align' is for kept segments only; leave it out, or leave out "
                             "'kept'");
    return 0;
}

static int read_segment(struct reader *reader, json_t *value, struct layout_segment *segment)
{
    const char *name = json_string_value(json_object_get(value, "name"));
    int r;

    segment->kept = true;
    if (name && params_name_valid(name))
        segment->name = name; /* from the first complaint on */
    if (!json_is_object(value))
        return reader_refuse(reader, "a segment is an object {\"name\": ..., \"size\": ..., ...}");
    r = reader_object(reader, value, segment_keys, segment);
    return r ? r : check_segment(reader, segment);
}

static int check_unique(struct reader *reader, json_t *seen, const struct layout_segment *segment)
{
    json_t *earlier = json_object_get(seen, segment->name);

    if (earlier)
        return reader_refuse(reader, "segments[%" JSON_INTEGER_FORMAT "] has that name already",
                             json_integer_value(earlier));
    return json_object_set_new(seen, segment->name, json_integer((json_int_t)reader->segment_index))
               ? -ENOMEM
               : 0;
}

static int take_segments(struct reader *reader, json_t *value, void *target)
{
    _cleanup_(cleanup_json) json_t *seen = json_object();
    struct layout *layout = target;
    json_t *item;
    size_t i;
    int r = 0;

    if (!json_is_array(value))
        return reader_refuse(reader, "'segments' must be an array");
    layout->segments = calloc(json_array_size(value) + 1, sizeof(*layout->segments));
    if (!layout->segments)
        return -ENOMEM;
    json_array_foreach(value, i, item) {
        layout->segment_count++; /* what it owns is the layout's from here on */
        reader->segment = &layout->segments[i];
        reader->segment_index = i;
        r = read_segment(reader, item, &layout->segments[i]);
        if (r == 0)
            r = check_unique(reader, seen, &layout->segments[i]);
        if (r)
            return r;
    }
    reader->segment = NULL;
    return 0;
}

/* ---- the whole */

static int take_version(struct reader *reader, json_t *value, void *target)
{
    if (!json_is_integer(value))
        return reader_refuse(reader, "'version' must be the number %d", LAYOUT_VERSION);
    if (json_integer_value(value) != LAYOUT_VERSION)
        return reader_refuse(reader,
                             "version %" JSON_INTEGER_FORMAT " of layouts is not known, only %d",
                             json_integer_value(value), LAYOUT_VERSION);
    return 0;
}

static const struct reader_key layout_keys[] = {
    { "version", true, take_version },
    { "segments", true, take_segments },
    { 0 },
};

int layout_read(json_t *json, struct layout *ret_layout, struct error *error)
{
    struct reader reader = { .error = error };

    *ret_layout = (struct layout){ 0 };
    if (!json_is_object(json))
        return reader_refuse(&reader,
                             "a layout is an object {\"version\": %d, \"segments\": [...]}",
                             LAYOUT_VERSION);
    return reader_object(&reader, json, layout_keys, ret_layout);
}

void layout_clear(struct layout *layout)
{
    for (size_t i = 0; i < layout->segment_count; i++)
        free(layout->segments[i].guests);
    free(layout->segments);
    *layout = (struct layout){ 0 };
}
