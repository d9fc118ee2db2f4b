/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "end.h"

#include <string.h>

#include "backend.h"
#include "cleanup.h"
#include "uuid.h"

struct end {
    struct domain_identity domain;
    bool destroy;     /* false: it stays */
    const char *name; /* of one that stays; NULL: as it is */
    const char *core; /* NULL: no dump */
};

static int read_request(json_t *request, struct end *end, struct error *error)
{
    const char *what, *uuid, *how;
    json_int_t domid;
    json_error_t why;

    if (json_unpack_ex(request, &why, JSON_STRICT, "{s:s, s:I, s:s, s:s, s?s, s?s}", "do", &what,
                       "domid", &domid, "uuid", &uuid, "how", &how, "core", &end->core, "name",
                       &end->name) < 0)
        return conversation_misunderstood(error, why.text);
    end->destroy = strcmp(how, "destroy") == 0;
    if (!end->destroy && strcmp(how, "preserve") != 0)
        return conversation_misunderstood(error, "'how' is neither \"destroy\" nor \"preserve\"");
    /* Never Dom0. */
    if (domid < 1 || domid > UINT32_MAX || uuid_parse(uuid, end->domain.uuid) < 0)
        return conversation_misunderstood(error, "'domid' and 'uuid' do not name a guest");
    end->domain.domid = (uint32_t)domid;
    return 0;
}

/* One that is gone already is what was wanted. */
static int end_domain(struct backend *backend, const struct end *end, json_t **ret_config,
                      struct error *error)
{
    if (backend_find(backend, &end->domain) < 0)
        return 0;
    *ret_config = backend_config(backend, &end->domain);
    if (end->core)
        backend_dump_core(backend, &end->domain, end->core);
    if (end->destroy)
        return backend_destroy(backend, &end->domain, error);
    return end->name ? backend_rename(backend, &end->domain, end->name, error) : 0;
}

int end_run(json_t *request, struct error *error)
{
    struct backend *backend = NULL;
    struct end end = { 0 };
    _cleanup_(cleanup_json) json_t *config = NULL;
    int r;

    r = read_request(request, &end, error);
    if (r == 0)
        r = backend_open(&backend, error);
    if (r == 0)
        r = end_domain(backend, &end, &config, error);
    backend_close(backend);
    return r ? r
             : conversation_say(json_pack("{s:{s:o*}}", "done", "config", steal_pointer(&config)));
}
