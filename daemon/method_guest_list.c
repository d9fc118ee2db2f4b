/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "describe.h"
#include "holders.h"
#include "methods.h"

const struct params_field method_guest_list_fields[] = { PARAMS_END };

static const struct schema members[] = {
    { "guests", SCHEMA_REFERENCE, SCHEMA_LIST, .reference = "guest" },
    { NULL },
};

const struct schema method_guest_list_result = SCHEMA_WITH(members);
const int method_guest_list_errors[] = { XENSHM_HYPERVISOR_FAILED, 0 };

void method_guest_list(struct request *request, const void *args)
{
    struct error error = { 0 };
    json_t *guests = json_array();
    struct guest *guest;
    int r;

    r = holders_refresh(request->state);
    if (r < 0)
        guests_list_failed(&error, r);
    guests_refresh_names(&request->state->guests, request->state->hypervisor);
    for (guest = guest_first(&request->state->guests); guest; guest = guest_next(guest))
        if (guest->alive)
            describe_append(&guests, describe_guest(guest, request->state));
    request_finish(request, json_pack("{s:o}", "guests", guests), &error);
}
