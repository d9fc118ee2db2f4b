/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "message.h"
#include "methods.h"
#include "operation_attach.h"
#include "share_params.h"

struct args {
    char guest[PARAMS_GUEST_MAX];
    struct share_params share;
};

const struct params_field method_guest_attach_fields[] = {
    PARAMS_FIELD(PARAMS_GUEST, struct args, guest, true, "name, domid or UUID"),
    SHARE_PARAMS_FIELDS(struct args, share),
    PARAMS_END,
};

const struct schema method_guest_attach_result = SCHEMA_OF("attachment");
const int method_guest_attach_errors[] = { XENSHM_POOL_FULL,
                                           XENSHM_POOL_UNKNOWN,
                                           XENSHM_SEGMENT_EXISTS,
                                           XENSHM_SEGMENT_UNKNOWN,
                                           XENSHM_GUEST_UNKNOWN,
                                           XENSHM_GUEST_AMBIGUOUS,
                                           XENSHM_GUEST_DYING,
                                           XENSHM_ALREADY_ATTACHED,
                                           XENSHM_ADDRESS_IN_USE,
                                           XENSHM_ADDRESS_IS_RAM,
                                           XENSHM_ADDRESS_RESERVED,
                                           XENSHM_PAGES_HELD,
                                           XENSHM_HOLDER_UNKNOWN,
                                           XENSHM_BUSY,
                                           XENSHM_HYPERVISOR_FAILED,
                                           XENSHM_STORE_FAILED,
                                           0 };

METHOD_ARGS_FIT(struct args);

void method_guest_attach(struct request *request, const void *decoded)
{
    const struct args *args = decoded;
    const struct share_params *share = &args->share;
    struct error error = { 0 };
    struct state_pool *pool = NULL;
    struct guest *guest;

    if (share_params_check(share, "", request->state, &pool, &error) == 0 &&
        guest_lookup(&request->state->guests, request->state->hypervisor, args->guest, &guest,
                     &error) == 0) {
        struct attach_request attach = {
            .guest = guest->identity,
            .size = share->size,
            .segment = share->segment,
            .name = share->name,
            .pool = pool,
            .address = share->address,
            .uid = request->peer.uid,
            .looked = true,
        };

        if (operation_attach(request->state, &attach, request_done, request, &error) == 0)
            return;
    }
    request_refuse(request, &error);
}
