/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "create.h"

#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "cleanup.h"
#include "devtree.h"
#include "guest_tree.h"
#include "plan.h"
#include "shares.h"

struct creation {
    struct backend *backend;
    struct plan plan;
    struct guest_tree tree;
    struct build_order order;
};

static int tell_facts(struct creation *creation, json_t *request, struct error *error)
{
    json_t *config;
    const char *what;
    json_error_t why;
    int r;

    if (json_unpack_ex(request, &why, JSON_STRICT, "{s:s, s:o}", "do", &what, "config", &config) <
        0)
        return conversation_misunderstood(error, why.text);
    r = backend_open(&creation->backend, error);
    if (r == 0)
        r = backend_read(creation->backend, config, &creation->plan, error);
    if (r == 0)
        r = plan_check(&creation->plan, error);
    if (r == 0)
        r = guest_tree_read(creation->plan.device_tree, &creation->tree, error);
    if (r == 0)
        r = backend_check(creation->backend, &creation->plan, error);
    if (r)
        return r;
    return conversation_say(
        json_pack("{s:o}", "facts", plan_facts(&creation->plan, &creation->tree)));
}

/* The kernel is told where its UIO devices are, unless it is told something already. */
static int add_argument(const struct plan *plan, struct build_order *order, struct error *error)
{
    char compatible[DEVTREE_COMPATIBLE_MAX + 1];

    if (order->share_count == 0 || (!plan->kernel && !plan->bootloader))
        return 0;
    if (plan->cmdline && arguments_of_id(plan->cmdline, compatible))
        return 0;
    order->cmdline = arguments_with_of_id(plan->cmdline ? plan->cmdline : "", order->compatible);
    return order->cmdline ? 0
                          : error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder has no memory");
}

static int build(struct creation *creation, json_t *line, struct error *error)
{
    struct build_order *order = &creation->order;
    uint32_t domid = 0;
    json_t *object;
    json_error_t why;
    int r;

    if (json_unpack_ex(line, &why, JSON_STRICT, "{s:o}", "build", &object) < 0)
        return conversation_misunderstood(error, why.text);
    r = build_order_read(object, order, error);
    if (r == 0)
        r = add_argument(&creation->plan, order, error);
    if (r == 0 && order->share_count > 0)
        r = guest_tree_write(&creation->tree, order, error);
    if (r)
        return r;
    r = backend_build(creation->backend, &creation->plan, order, &domid, error);
    if (r) {
        if (order->share_count > 0)
            unlink(order->tree);
        return r;
    }
    return conversation_say(json_pack("{s:{s:I}}", "built", "domid", (json_int_t)domid));
}

static int run(struct creation *creation, json_t *line, struct error *error)
{
    json_t *object;
    json_error_t why;
    int r;

    if (json_unpack_ex(line, &why, JSON_STRICT, "{s:o}", "run", &object) < 0)
        return conversation_misunderstood(error, why.text);
    r = backend_run(creation->backend, error);
    return r ? r : conversation_say(json_pack("{s:{}}", "done"));
}

static int converse(struct conversation *conversation, struct creation *creation, json_t *request,
                    struct error *error)
{
    _cleanup_(cleanup_json) json_t *order = NULL;
    _cleanup_(cleanup_json) json_t *start = NULL;
    int r;

    r = tell_facts(creation, request, error);
    if (r == 0)
        r = conversation_hear(conversation, &order, error);
    if (r == 0)
        r = build(creation, order, error);
    if (r == 0)
        r = conversation_hear(conversation, &start, error);
    return r ? r : run(creation, start, error);
}

int create_run(struct conversation *conversation, json_t *request, struct error *error)
{
    struct creation creation = { 0 };
    int r = converse(conversation, &creation, request, error);

    build_order_clear(&creation.order);
    guest_tree_clear(&creation.tree);
    plan_clear(&creation.plan);
    backend_close(creation.backend);
    return r;
}
