/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the builder has read in the configuration becomes a guest that is being created. */
#include "operation_create_private.h"

#include <string.h>

#include "cleanup.h"
#include "create_check.h"
#include "guest.h"
#include "holders.h"
#include "store_created.h"
#include "uuid.h"

int create_persist(struct create *create, const struct created *created)
{
    int r = store_created_write(create->operation.state->store, created);

    return r < 0 ? error_set(create_error(create), XENSHM_STORE_FAILED,
                             "guest '%s' cannot be written to the store: %s", created->facts.name,
                             strerror(-r))
                 : 0;
}

/* Its own iomem is held from here on. */
static int expect(struct create *create, const struct created *created)
{
    struct state *state = create->operation.state;

    return guest_expect_created(&state->guests, created) < 0 || holders_update(state) < 0
               ? create_no_memory(create)
               : 0;
}

/* It keeps the UUID that the builder has made up for it. */
static json_t *own_config(const struct create *create, const struct created_facts *facts)
{
    json_t *config = json_deep_copy(create->config);
    char uuid[UUID_TEXT_SIZE];

    if (json_object_set_new(json_object_get(config, "c_info"), "uuid",
                            json_string(uuid_format(facts->uuid, uuid))) == 0)
        return config;
    json_decref(config);
    return NULL;
}

static int adopt_new(struct create *create, struct created_facts *facts)
{
    struct state *state = create->operation.state;
    _cleanup_(cleanup_json) json_t *config = NULL;
    struct created *created;

    if (create_check(state, facts, create_error(create)))
        return create_error(create)->code;
    config = own_config(create, facts);
    if (!config || created_add(&state->created, facts, config, &created) < 0)
        return create_no_memory(create);
    /* Nothing of it is anywhere else yet: there is nothing to be undone. */
    if (create_persist(create, created)) {
        created_remove(&state->created, created);
        return create_error(create)->code;
    }
    memcpy(create->uuid, created->facts.uuid, DOMAIN_UUID_SIZE);
    created->busy = &create->operation;
    create->busy = true;
    return expect(create, created);
}

/* Devices may have come and gone meanwhile; but it is still the same guest. */
static int adopt_again(struct create *create, struct created_facts *facts)
{
    struct created *created = create_record(create);
    struct created_facts before = created->facts;

    if (memcmp(facts->uuid, before.uuid, DOMAIN_UUID_SIZE) != 0)
        return error_set(create_error(create), XENSHM_CONFIG_INVALID,
                         "the configuration of guest '%s' has another UUID now", before.name);
    created->facts = *facts;
    *facts = before;
    created->domid = 0;
    return create_persist(create, created) || expect(create, created) ? create_error(create)->code
                                                                      : 0;
}

int create_adopt(struct create *create)
{
    struct created_facts facts = { 0 };
    int r;

    if (create->building.error.code) {
        *create_error(create) = create->building.error;
        return create_error(create)->code;
    }
    if (created_facts_parse(json_object_get(create->building.reply, "facts"), &facts) < 0)
        return error_set(create_error(create), XENSHM_HYPERVISOR_FAILED,
                         "the builder's words about the configuration make no sense");
    r = holders_refresh(create->operation.state);
    if (r < 0)
        guests_list_failed(create_error(create), r);
    else if (create->restart)
        adopt_again(create, &facts);
    else
        adopt_new(create, &facts);
    created_facts_clear(&facts);
    return create_error(create)->code;
}
