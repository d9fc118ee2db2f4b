/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout_step.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "memstream.h"
#include "print.h"

static const char *const actions[] = {
    [STEP_ALLOC] = "alloc",
    [STEP_ATTACH] = "attach",
    [STEP_DETACH] = "detach",
    [STEP_FREE] = "free",
};

/* ---- words */

static bool adds(const struct step *step)
{
    return step->action == STEP_ALLOC || step->action == STEP_ATTACH;
}

static void write_place(FILE *out, const struct step *step)
{
    if (step->guest)
        fprintf(out, " %s %s", adds(step) ? "to" : "from", step->guest->name);
    if (strcmp(step->address, "identity") == 0)
        fputs(" at its host address", out);
    else if (*step->address)
        fprintf(out, " at %s", step->address);
}

char *step_text(const struct step *step)
{
    char *text = NULL, size[SIZE_TEXT_MAX];
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (!out)
        return NULL;
    fprintf(out, "%c %s %s", adds(step) ? '+' : '-', actions[step->action], step->segment);
    if (step->size)
        fprintf(out, " %s", print_size(step->size, size));
    write_place(out, step);
    if (step->pool)
        fprintf(out, " in pool %s", step->pool);
    return memstream_end(out, &text);
}

/* What cannot be set makes the object NULL. */
static void set(json_t **object, const char *key, json_t *value)
{
    if (json_object_set_new(*object, key, value) == 0)
        return;
    json_decref(*object);
    *object = NULL;
}

/* Members that a step does not have are left out: NULL, "" and 0. */
static void set_text(json_t **object, const char *key, const char *text)
{
    if (text && *text)
        set(object, key, json_string(text));
}

static void set_number(json_t **object, const char *key, uint64_t number)
{
    if (number)
        set(object, key, json_integer((json_int_t)number));
}

static json_t *guest_json(const struct present_guest *guest)
{
    return json_pack("{s:s, s:I, s:s}", "name", guest->name, "domid", guest->domid, "uuid",
                     guest->uuid);
}

json_t *step_json(const struct step *step)
{
    const char *address = *step->placed ? step->placed : step->address;
    json_t *object =
        json_pack("{s:s, s:s}", "action", actions[step->action], "segment", step->segment);

    if (step->guest)
        set(&object, "guest", guest_json(step->guest));
    set_text(&object, "address", address);
    set_number(&object, "size", step->size);
    set_text(&object, "pool", step->pool);
    set_number(&object, "align", step->align);
    return object;
}

/* ---- requests */

/* The UUID is the guest's also after a reboot; where it is not unique, the domain that runs. */
static json_t *guest_param(const struct present_guest *guest)
{
    return guest->domains > 1 ? json_integer(guest->domid) : json_string(guest->uuid);
}

static json_t *detach_params(const struct step *step)
{
    return json_pack("{s:o, s:s}", "guest", guest_param(step->guest), "segment", step->segment);
}

static json_t *share_params(const struct step *step)
{
    json_t *params = detach_params(step);

    set_text(&params, "address", step->address);
    return params;
}

/* A segment that is not kept, for its first guest. */
static json_t *new_params(const struct step *step)
{
    json_t *params = json_pack("{s:o, s:s, s:I}", "guest", guest_param(step->guest), "name",
                               step->segment, "size", (json_int_t)step->size);

    set_text(&params, "pool", step->pool);
    set_text(&params, "address", step->address);
    return params;
}

static json_t *alloc_params(const struct step *step)
{
    json_t *params = json_pack("{s:s, s:I}", "name", step->segment, "size", (json_int_t)step->size);

    set_text(&params, "pool", step->pool);
    set_number(&params, "align", step->align);
    return params;
}

json_t *step_request(const struct step *step, const char **ret_method)
{
    switch (step->action) {
    case STEP_ALLOC:
        *ret_method = "segment.alloc";
        return alloc_params(step);
    case STEP_ATTACH:
        *ret_method = "guest.attach";
        return step->size ? new_params(step) : share_params(step);
    case STEP_DETACH:
        *ret_method = "guest.detach";
        return detach_params(step);
    default:
        *ret_method = "segment.free";
        return json_pack("{s:s}", "name", step->segment);
    }
}

json_t *step_undo_request(const struct step *step, const char **ret_method)
{
    switch (step->action) {
    case STEP_ALLOC:
        *ret_method = "segment.free";
        return json_pack("{s:s}", "name", step->segment);
    case STEP_ATTACH:
        *ret_method = "guest.detach";
        return detach_params(step);
    default:
        *ret_method = "guest.attach";
        return share_params(step);
    }
}

void step_take_result(struct step *step, const json_t *result)
{
    step->state = STEP_DONE;
    if (step->action == STEP_ATTACH)
        snprintf(step->placed, sizeof(step->placed), "%s", print_member(result, "guest_address"));
    if (step->action == STEP_ALLOC)
        step->epoch = json_integer_value(json_object_get(result, "epoch"));
}
