/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The functions about guests that are one call each. */
#include "library.h"
#include "shapes.h"

int xenshm_guest_list(struct xenshm *connection, struct xenshm_guests **ret_guests)
{
    struct arguments arguments;

    arguments_begin(&arguments);
    return shapes_call(connection, "guest.list", &arguments, &shape_guests, ret_guests);
}

int xenshm_guest_attach(struct xenshm *connection, const char *guest,
                        const struct xenshm_share *share, struct xenshm_attachment **ret_attachment)
{
    struct arguments arguments;

    arguments_begin(&arguments);
    arguments_text(&arguments, "guest", guest);
    arguments_share(&arguments, share);
    return shapes_call(connection, "guest.attach", &arguments, &shape_attachment, ret_attachment);
}

static int detach(struct xenshm *connection, const char *guest, const char *segment, bool all,
                  struct xenshm_attachments **ret_detached)
{
    struct arguments arguments;

    arguments_begin(&arguments);
    arguments_text(&arguments, "guest", guest);
    arguments_text(&arguments, "segment", segment);
    arguments_flag(&arguments, "all", all);
    return shapes_call(connection, "guest.detach", &arguments, &shape_attachments, ret_detached);
}

int xenshm_guest_detach(struct xenshm *connection, const char *guest, const char *segment,
                        struct xenshm_attachments **ret_detached)
{
    return detach(connection, guest, segment, false, ret_detached);
}

int xenshm_guest_detach_all(struct xenshm *connection, const char *guest,
                            struct xenshm_attachments **ret_detached)
{
    return detach(connection, guest, NULL, true, ret_detached);
}

int xenshm_guest_create(struct xenshm *connection, const char *config,
                        const struct xenshm_share *const *shares, size_t count, bool paused,
                        struct xenshm_created **ret_created)
{
    struct arguments arguments;

    arguments_begin(&arguments);
    arguments_json(&arguments, "config", config);
    arguments_shares(&arguments, "shares", shares, count);
    arguments_flag(&arguments, "paused", paused);
    return shapes_call(connection, "guest.create", &arguments, &shape_created, ret_created);
}

int xenshm_guest_destroy(struct xenshm *connection, const char *guest,
                         struct xenshm_destroyed **ret_destroyed)
{
    struct arguments arguments;

    arguments_begin(&arguments);
    arguments_text(&arguments, "guest", guest);
    return shapes_call(connection, "guest.destroy", &arguments, &shape_destroyed, ret_destroyed);
}
