/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The segments of a guest that is being created: each is reserved by an attach of its own. */
#include "operation_create_private.h"

#include <errno.h>
#include <string.h>

#include "attachment_wait.h"
#include "operation_attach.h"

int create_reserve(struct create *create)
{
    const struct create_share *share = &create->shares[create->next_share];
    struct attach_request request = {
        .size = share->size,
        .segment = share->segment,
        .name = share->name,
        .pool = share->pool,
        .address = share->address,
        .uid = create->uid,
        .reserve = true,
    };

    memcpy(request.guest.uuid, create->uuid, DOMAIN_UUID_SIZE);
    create->sub = suboperation_new(&create->operation);
    if (!create->sub)
        return create_no_memory(create);
    if (operation_attach(create->operation.state, &request, suboperation_done, create->sub,
                         create_error(create))) {
        create->sub->ended = true;
        create->sub = suboperation_drop(create->sub);
    }
    return create_error(create)->code;
}

int create_reserved(struct create *create)
{
    json_t *warning = json_object_get(create->sub->result, "warning");

    if (!create->sub->result)
        *create_error(create) = create->sub->error;
    else if (json_array_append(create->names, json_object_get(create->sub->result, "segment")) < 0)
        create_no_memory(create);
    if (warning)
        json_array_append(create->warnings, warning);
    create->sub = suboperation_drop(create->sub);
    create->next_share++;
    return create_error(create)->code;
}

int create_each_attachment(struct create *create, create_each_fn each, void *context)
{
    struct state *state = create->operation.state;
    struct segment *segment = segment_first(&state->segments), *next;
    int r = 0;

    for (; segment && r == 0; segment = next) {
        struct attachment *attachment = segment_attachment_of(segment, create->uuid);

        next = segment_next(segment);
        if (attachment &&
            (attachment->state == ATTACHMENT_ATTACHED || attachment->state == ATTACHMENT_WAITING))
            r = each(create, attachment, context);
    }
    return r;
}

static int is_busy(struct create *create, struct attachment *attachment, void *context)
{
    return attachment->busy != NULL;
}

static int let_wait(struct create *create, struct attachment *attachment, void *context)
{
    return attachment_wait(create->operation.state, attachment) ? 0 : -EIO;
}

bool create_segments_busy(struct create *create)
{
    return create_each_attachment(create, is_busy, NULL);
}

int create_segments_wait(struct create *create)
{
    if (!create_each_attachment(create, let_wait, NULL))
        return 0;
    return error_set(create_error(create), XENSHM_STORE_FAILED,
                     "the segments of the guest cannot be written to the store");
}
