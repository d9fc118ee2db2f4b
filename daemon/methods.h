/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The methods of every xenshmd. Each has a file of its own, method_<object>_<verb>.c, with its
 * fields, its handler, its refusals, and the shape of its result; its row, with the right that it
 * needs, is in methods.c.
 */
#pragma once

#include "dispatch.h"

extern const struct method methods[];

#define METHOD_DECLARE(name)                                                                       \
    extern const struct params_field method_##name##_fields[];                                     \
    extern const struct schema method_##name##_result;                                             \
    extern const int method_##name##_errors[];                                                     \
    void method_##name(struct request *request, const void *args)

METHOD_DECLARE(daemon_metrics);
METHOD_DECLARE(daemon_status);
METHOD_DECLARE(events_subscribe);
METHOD_DECLARE(guest_attach);
METHOD_DECLARE(guest_create);
METHOD_DECLARE(guest_destroy);
METHOD_DECLARE(guest_detach);
METHOD_DECLARE(guest_list);
METHOD_DECLARE(pool_list);
METHOD_DECLARE(pool_map);
METHOD_DECLARE(rpc_discover);
METHOD_DECLARE(segment_alloc);
METHOD_DECLARE(segment_free);
METHOD_DECLARE(segment_list);
METHOD_DECLARE(segment_open);
METHOD_DECLARE(segment_show);
