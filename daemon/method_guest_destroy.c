/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "methods.h"
#include "operation_end.h"
#include "uuid.h"

struct args {
    char guest[PARAMS_GUEST_MAX];
};

const struct params_field method_guest_destroy_fields[] = {
    PARAMS_FIELD(PARAMS_GUEST, struct args, guest, true, "name, domid or UUID"),
    PARAMS_END,
};

static const struct schema members_guest[] = {
    { "name", SCHEMA_STRING },
    { "domid", SCHEMA_INTEGER },
    { "uuid", SCHEMA_UUID },
    { "state", SCHEMA_STRING },
    { NULL },
};

static const struct schema members[] = {
    { "guest", SCHEMA_OBJECT, .members = members_guest },
    { NULL },
};

const struct schema method_guest_destroy_result = SCHEMA_WITH(members);
const int method_guest_destroy_errors[] = { XENSHM_GUEST_UNKNOWN, XENSHM_GUEST_AMBIGUOUS,
                                            XENSHM_GUEST_FOREIGN, XENSHM_UNSUPPORTED,
                                            XENSHM_BUSY,          XENSHM_HYPERVISOR_FAILED,
                                            XENSHM_STORE_FAILED,  0 };

METHOD_ARGS_FIT(struct args);

/* A living domain: one that xenshmd made, or that such a one has left behind, preserved. */
static int destroy_domain(struct request *request, const struct guest *guest, struct error *error)
{
    const struct created *created = guest_created(&request->state->guests, guest);
    struct end_request end = { .then = END_FORGET, .why = "it was destroyed" };

    if (!created)
        return error_set(error, XENSHM_GUEST_FOREIGN,
                         "guest '%s' is not one that xenshmd created and looks after, and is not "
                         "destroyed by it",
                         guest->name);
    memcpy(end.uuid, guest->identity.uuid, sizeof(end.uuid));
    if (created_has_preserved(created, guest->identity.domid)) {
        end.then = END_ONE;
        end.preserved = guest->identity.domid;
        end.name = guest->name;
    }
    return operation_end(request->state, &end, request_done, request, error);
}

/* One without a domain just now: it is being created or restarted. Keeps the refusal if not. */
static int destroy_absent(struct request *request, const char *text, struct error *error)
{
    struct end_request end = { .then = END_FORGET, .why = "it was destroyed" };
    const struct created *created = NULL;

    if (error->code == XENSHM_GUEST_UNKNOWN)
        created = uuid_parse(text, end.uuid) == 0
                      ? created_find(&request->state->created, end.uuid)
                      : created_find_name(&request->state->created, text);
    if (!created || !created_unsettled(created))
        return error->code;
    memcpy(end.uuid, created->facts.uuid, sizeof(end.uuid));
    *error = (struct error){ 0 };
    return operation_end(request->state, &end, request_done, request, error);
}

void method_guest_destroy(struct request *request, const void *decoded)
{
    const struct args *args = decoded;
    struct error error = { 0 };
    struct guest *guest;
    int r;

    r = guest_lookup(&request->state->guests, request->state->hypervisor, args->guest, &guest,
                     &error);
    r = r ? destroy_absent(request, args->guest, &error) : destroy_domain(request, guest, &error);
    if (r)
        request_refuse(request, &error);
}
