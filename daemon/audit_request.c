/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names and sizes are taken from the result where it has them, else from the parameters, which need
 * not have been looked at by anybody yet: of these only texts and numbers in their places count.
 */
#include "audit_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dispatch.h"

struct subject {
    const char *guest;
    char number[24]; /* of a guest that is named by its domid */
    struct audit_list segments;
    uint64_t size;
};

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* A name, a domid, or an object with a name. */
static void take_guest(struct subject *subject, const json_t *guest)
{
    const json_t *name = json_is_object(guest) ? json_object_get(guest, "name") : guest;

    if (json_is_integer(name)) {
        snprintf(subject->number, sizeof(subject->number), "%" JSON_INTEGER_FORMAT,
                 json_integer_value(name));
        subject->guest = subject->number;
    } else if (json_is_string(name)) {
        subject->guest = json_string_value(name);
    }
}

/* One segment: an attachment, a segment, or parameters that name one. */
static void take_segment(struct subject *subject, const json_t *object)
{
    const char *name = text_of(object, "segment");
    json_int_t size = json_integer_value(json_object_get(object, "size"));

    if (!name)
        name = text_of(object, "name");
    if (name)
        audit_list_add(&subject->segments, name);
    if (size > 0 && (uint64_t)size <= UINT64_MAX - subject->size)
        subject->size += (uint64_t)size;
}

static void take_segments(struct subject *subject, const json_t *list)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
        take_segment(subject, item);
}

/* What was done: a segment, an attachment, a guest with its attachments, what was detached. */
static void take_result(struct subject *subject, const json_t *result)
{
    const json_t *guest = json_object_get(result, "guest");
    const json_t *list = json_object_get(result, guest ? "attachments" : "detached");

    take_guest(subject, guest ? guest : json_object_get(json_array_get(list, 0), "guest"));
    if (list)
        take_segments(subject, list);
    else
        take_segment(subject, result);
}

/* What was asked for: the guest, and, of a configuration, its name and nothing else. */
static void take_guest_asked(struct subject *subject, const json_t *params)
{
    const json_t *config = json_object_get(params, "config");

    take_guest(subject, json_object_get(params, "guest"));
    if (!subject->guest)
        take_guest(subject, json_object_get(json_object_get(config, "c_info"), "name"));
}

static void take_segments_asked(struct subject *subject, const json_t *params)
{
    const json_t *shares = json_object_get(params, "shares");

    if (shares)
        take_segments(subject, shares);
    else
        take_segment(subject, params);
}

static void describe(struct subject *subject, const struct request *request, const json_t *result)
{
    const json_t *params = json_object_get(request->message, "params");

    /* There a name is always the guest's. */
    if (strncmp(request->method->name, "sim.", strlen("sim.")) == 0) {
        take_guest(subject, json_object_get(params, "name"));
        return;
    }
    take_result(subject, result);
    if (!subject->guest)
        take_guest_asked(subject, params);
    if (!subject->segments.text[0])
        take_segments_asked(subject, params);
}

static bool is_wanted(const struct request *request, int code)
{
    if (request->number == DISPATCH_NO_METHOD)
        return false;
    return request->method->level > ACCESS_READ || code == XENSHM_PERMISSION_DENIED;
}

void audit_request_end(const struct request *request, int code, const json_t *result)
{
    struct subject subject = { 0 };

    if (!is_wanted(request, code))
        return;
    describe(&subject, request, result);
    audit_request(&request->state->audit, &(struct audit_entry){
                                              .peer = &request->peer,
                                              .method = request->method->name,
                                              .guest = subject.guest,
                                              .segments = &subject.segments,
                                              .size = subject.size,
                                              .code = code,
                                          });
}
