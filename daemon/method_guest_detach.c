/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "message.h"
#include "methods.h"
#include "operation_detach.h"

struct args {
    char guest[PARAMS_GUEST_MAX];
    const char *segment;
    bool all;
};

const struct params_field method_guest_detach_fields[] = {
    PARAMS_FIELD(PARAMS_GUEST, struct args, guest, true, "name, domid or UUID"),
    PARAMS_FIELD(PARAMS_NAME, struct args, segment, false,
                 "the segment; may be absent when the guest has only one"),
    PARAMS_FIELD(PARAMS_BOOL, struct args, all, false, "every segment of the guest"),
    PARAMS_END,
};

static const struct schema members[] = {
    { "detached", SCHEMA_REFERENCE, SCHEMA_LIST, .reference = "attachment" },
    { NULL },
};

const struct schema method_guest_detach_result = SCHEMA_WITH(members);
const int method_guest_detach_errors[] = { XENSHM_SEGMENT_UNKNOWN,
                                           XENSHM_GUEST_UNKNOWN,
                                           XENSHM_GUEST_AMBIGUOUS,
                                           XENSHM_NOT_ATTACHED,
                                           XENSHM_BUSY,
                                           XENSHM_HYPERVISOR_FAILED,
                                           XENSHM_STORE_FAILED,
                                           0 };

METHOD_ARGS_FIT(struct args);

/* One that is gone, but may come back, can be relieved of what waits for it. */
static int find_guest(struct state *state, const char *text, struct guest **ret_guest,
                      struct error *error)
{
    int r = guest_lookup(&state->guests, state->hypervisor, text, ret_guest, error);

    if (r != XENSHM_GUEST_UNKNOWN)
        return r;
    *ret_guest = guest_resolve_absent(&state->guests, text);
    if (!*ret_guest)
        return r;
    *error = (struct error){ 0 };
    return 0;
}

void method_guest_detach(struct request *request, const void *decoded)
{
    const struct args *args = decoded;
    struct error error = { 0 };
    struct guest *guest;

    if (args->segment && args->all)
        error_set(&error, MESSAGE_INVALID_PARAMS, "Invalid params: give either 'segment' or 'all'");
    else if (find_guest(request->state, args->guest, &guest, &error) == 0) {
        struct detach_request detach = {
            .guest = guest->identity,
            .segment = args->segment,
            .all = args->all,
            .looked = true,
        };

        if (operation_detach(request->state, &detach, request_done, request, &error) == 0)
            return;
    }
    request_refuse(request, &error);
}
