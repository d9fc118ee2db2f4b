/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The builder builds the guest around its segments, and these are brought up in it. */
#include "operation_create_private.h"

#include <inttypes.h>
#include <stdlib.h>

#include "describe.h"
#include "holders.h"
#include "operation_restore.h"
#include "store_created.h"

/* libxl maps what nobody else of the guest's domains has; the rest comes over when it is built. */
static int describe_share(struct create *create, struct attachment *attachment, void *context)
{
    json_t **shares = context;
    const struct segment *segment = attachment->segment;

    create->segments++;
    describe_append(
        shares, json_pack("{s:s, s:I, s:I, s:I, s:I, s:b}", "segment", segment->name,
                          "host_address", (json_int_t)mfn_address(segment_frames(segment).first),
                          "size", (json_int_t)pages_to_bytes(segment_frames(segment).count),
                          "guest_address", (json_int_t)gfn_address(attachment->first), "epoch",
                          (json_int_t)segment->epoch, "map", !attachment->guest->alive));
    return 0;
}

int create_build(struct create *create)
{
    struct state *state = create->operation.state;
    const struct created *created = create_record(create);
    char *tree = store_created_tree(state->store, created);
    const char *compatible = created->facts.compatible;
    json_t *shares = json_array(), *line;

    create->segments = 0;
    create_each_attachment(create, describe_share, &shares);
    line = tree && shares
               ? json_pack("{s:{s:s, s:s, s:o}}", "build", "tree", tree, "compatible",
                           compatible[0] ? compatible : state->compatible, "shares", shares)
               : NULL;
    free(tree);
    if (!line)
        return create_no_memory(create);
    building_say(&create->building, line);
    return 0;
}

int create_built(struct create *create)
{
    struct state *state = create->operation.state;
    struct created *created = create_record(create);
    json_t *domid = json_object_get(json_object_get(create->building.reply, "built"), "domid");
    int r;

    if (create->building.error.code) {
        *create_error(create) = create->building.error;
        return create_error(create)->code;
    }
    /* From here on it is known by its domid, even if its name cannot be read. */
    created->domid = (uint32_t)json_integer_value(domid);
    r = holders_refresh(state);
    if (r == 0 && created->domid && guest_of_created(&state->guests, created))
        return create_persist(create, created);
    created->domid = 0;
    return r < 0 ? guests_list_failed(create_error(create), r)
                 : error_set(create_error(create), XENSHM_GUEST_DYING,
                             "guest '%s' died while it was built", created->facts.name);
}

static int bring_up(struct create *create, struct attachment *attachment, void *context)
{
    if (operation_restore(create->operation.state, attachment, context) < 0)
        return create_no_memory(create);
    return 0;
}

int create_bring_up(struct create *create)
{
    struct guests *guests = &create->operation.state->guests;

    return create_each_attachment(create, bring_up, guest_of_created(guests, create_find(create)));
}

static int count_attached(struct create *create, struct attachment *attachment, void *context)
{
    uint64_t *count = context;

    *count += attachment->state == ATTACHMENT_ATTACHED;
    return 0;
}

int create_check_brought_up(struct create *create)
{
    uint64_t attached = 0;

    create_each_attachment(create, count_attached, &attached);
    if (attached == create->segments)
        return 0;
    return error_set(create_error(create), XENSHM_HYPERVISOR_FAILED,
                     "%" PRIu64 " of the %" PRIu64 " segments of guest '%s' could not be brought "
                     "into it",
                     create->segments - attached, create->segments,
                     create_record(create)->facts.name);
}
