/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reload.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include <event2/event.h>

#include "audit.h"
#include "log.h"

/*
 * Those that are there borrow from the configuration in force, and go on doing so if this fails.
 * They are acted on from the loop.
 */
static int apply_orders(struct reload *reload, const struct config *fresh)
{
    int r = orders_set(&reload->state->orders, fresh);

    if (r == 0)
        state_request_reconcile(reload->state);
    return r;
}

void reload_apply_limits(struct reload *reload)
{
    const struct config *config = &reload->config;

    log_set_level(config->log_level);
    reload->state->limits = (struct state_limits){
        .segments = config->segments,
        .attachments = config->attachments,
        .operations = config->operations,
        .holder_wait = config->holder_wait,
        .unknown_holders = config->unknown_holders,
        .restart_grace = config->restart_grace,
        .builders = config->builders,
        .builder_timeout = config->builder_timeout,
        .line_memory = config->line_memory,
        .reply_memory = config->reply_memory,
        .overflow_wait = config->overflow_wait,
        .quotas = config->quotas,
    };
    reload->state->events.backlog_max = config->event_backlog;
    reload->state->guests.restart_grace = config->restart_grace;
    reload->state->compatible = config->guest_compatible;
}

/* Those of the defaults need not be there. */
static void tell_missing_group(enum access_level level, const char *name)
{
    bool wanted = strcmp(name, CONFIG_OPERATE_GROUP) != 0 && strcmp(name, CONFIG_READ_GROUP) != 0;

    log_line(wanted ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG,
             "[daemon] %s-group: there is no group '%s', so it gives no right",
             access_level_name(level), name);
}

void reload_read_policy(const struct reload *reload, struct access_policy *ret_policy)
{
    const struct config *config = &reload->config;
    const char *const names[ACCESS_LEVELS] = {
        [ACCESS_READ] = config->read_group,
        [ACCESS_OPERATE] = config->operate_group,
        [ACCESS_ADMIN] = config->admin_group,
    };

    *ret_policy = (struct access_policy){ 0 };
    for (enum access_level level = ACCESS_READ; level < ACCESS_LEVELS; level++)
        if (!access_policy_set(ret_policy, level, names[level]))
            tell_missing_group(level, names[level]);
}

/*
 * Rights are identified when a client connects: who is connected keeps those of then. The groups
 * are looked up again, so that one made meanwhile counts.
 */
static void apply_rights(struct reload *reload)
{
    struct access_policy policy;

    reload_read_policy(reload, &policy);
    listener_set_policy(reload->listener, &policy);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_list(char *const *a, char *const *b)
{
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

/* In whatever order: a name is there once. */
static bool same_places(const struct config *a, const struct config *b)
{
    size_t same = 0;

    for (size_t i = 0; i < a->pool_count; i++)
        for (size_t j = 0; j < b->pool_count; j++)
            same += strcmp(a->pools[i].name, b->pools[j].name) == 0 &&
                    a->pools[i].guest_address == b->pools[j].guest_address;
    return same == a->pool_count && same == b->pool_count;
}

static void warn_of_restart(const char *key)
{
    log_warning("reload: %s takes effect at the next start", key);
}

#define SWAP(a, b)                                                                                 \
    do {                                                                                           \
        __typeof__(a) swap_ = (a);                                                                 \
        (a) = (b);                                                                                 \
        (b) = swap_;                                                                               \
    } while (0)

/*
 * What is fixed at the start stays in force: it goes over from `old` to `fresh`, so that the next
 * reading is compared with it too, and what differs is told.
 */
static void keep_fixed(struct config *old, struct config *fresh)
{
    if (!same_text(old->state_dir, fresh->state_dir))
        warn_of_restart("[daemon] state-dir");
    if (!same_text(old->socket, fresh->socket))
        warn_of_restart("[daemon] socket");
    if (!same_text(old->builder_socket, fresh->builder_socket))
        warn_of_restart("[daemon] builder-socket");
    if (old->connections != fresh->connections)
        warn_of_restart("[limits] connections");
    if (!same_list(old->pool_names, fresh->pool_names))
        warn_of_restart("[pools] names");
    if (!same_list(old->pool_compatibles, fresh->pool_compatibles))
        warn_of_restart("[pools] compatibles");
    if (!same_places(old, fresh))
        warn_of_restart("[pool] guest-address");
    SWAP(old->state_dir, fresh->state_dir);
    SWAP(old->socket, fresh->socket);
    SWAP(old->builder_socket, fresh->builder_socket);
    SWAP(old->connections, fresh->connections);
    SWAP(old->pool_names, fresh->pool_names);
    SWAP(old->pool_compatibles, fresh->pool_compatibles);
    SWAP(old->pools, fresh->pools);
    SWAP(old->pool_count, fresh->pool_count);
}

/* Takes *fresh over, unless this fails: what it owns stays in its place. */
static int replace(struct reload *reload, struct config *fresh)
{
    struct config old = reload->config;
    int r = apply_orders(reload, fresh);

    if (r < 0)
        return r;
    reload->config = *fresh;
    reload_apply_limits(reload);
    apply_rights(reload);
    keep_fixed(&old, &reload->config);
    config_clear(&old);
    return 0;
}

static void tell_reloaded(struct reload *reload)
{
    const char *path = reload->config.path;

    log_info("reload: %s is in force", path ? path : "the default configuration");
    audit_own("config.reloaded", NULL, NULL, 0, 0);
    events_emit(&reload->state->events, "config.reloaded", json_pack("{s:s?}", "path", path));
}

static void tell_kept(const struct error *error)
{
    log_error("reload: %s; the old configuration stays in force", error->message);
    audit_own("config.reloaded", NULL, NULL, 0, error->code);
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
    struct reload *reload = context;
    struct error error = { 0 };
    struct config fresh;

    if (reload->read(reload->context, &fresh, &error) == 0 && replace(reload, &fresh) < 0) {
        config_clear(&fresh);
        error_set(&error, XENSHM_CONFIG_INVALID, "out of memory");
    }
    if (error.code)
        tell_kept(&error);
    else
        tell_reloaded(reload);
}

static void on_hangup(evutil_socket_t number, short what, void *context)
{
    struct reload *reload = context;

    if (!reload->stopped)
        event_active(reload->turn, EV_TIMEOUT, 0);
}

/* options_read() has held it back. */
static void let_hangup_through(void)
{
    sigset_t hangup;

    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    sigprocmask(SIG_UNBLOCK, &hangup, NULL);
}

int reload_open(struct reload *reload)
{
    struct event_base *base = reload->state->base;

    reload->turn = event_new(base, -1, 0, on_turn, reload);
    reload->hangup = evsignal_new(base, SIGHUP, on_hangup, reload);
    if (!reload->turn || !reload->hangup || event_add(reload->hangup, NULL) < 0)
        return -ENOMEM;
    let_hangup_through();
    return 0;
}

void reload_stop(struct reload *reload)
{
    /* The handler stays: without one the signal would end the daemon at once. */
    reload->stopped = true;
    event_del(reload->turn);
}

void reload_clear(struct reload *reload)
{
    if (reload->hangup)
        event_free(reload->hangup);
    if (reload->turn)
        event_free(reload->turn);
    config_clear(&reload->config);
}
