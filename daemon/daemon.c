/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "cleanup.h"
#include "clock.h"
#include "listener.h"
#include "listing.h"
#include "log.h"
#include "methods.h"
#include "reconcile.h"
#include "reload.h"
#include "service.h"
#include "store_created.h"
#include "window.h"

/* A look at the domains even if no event said so: events are hints. */
#define RECONCILE_INTERVAL 5 /* seconds */
/* What operations under way get to end well when the daemon stops. */
#define STOP_TIME 5 /* seconds */
/*
 * Descriptors that are not clients' sockets: files, the hypervisor's libraries, builders, what
 * waits for clients to read.
 */
#define OTHER_DESCRIPTORS 32

struct daemon {
    struct state state;
    struct connections connections;
    struct listener listener;
    struct dispatcher dispatcher;
    struct service service;
    struct reload reload; /* with the configuration in force */
    struct event *signals[2];
    struct event *changes;
    struct event *slow_timer;
    struct event *stop_timer;
    uint64_t stop_at; /* clock_milliseconds(); 0: not stopping */
    bool blind;       /* changes of the domains are not told */
};

static void on_reconcile(evutil_socket_t fd, short what, void *context)
{
    struct daemon *daemon = context;

    reconcile(&daemon->state);
}

/* Told once when it begins, and once when it is over. */
static void tell_of_changes(struct daemon *daemon, int r)
{
    if (r < 0 && !daemon->blind)
        log_error("nobody tells which guests come and go: %s; is xenstored running? Until it is, "
                  "guests are looked at every %d s and cannot be attached to",
                  strerror(-r), RECONCILE_INTERVAL);
    if (r == 0 && daemon->blind)
        log_info("xenstored is there again");
    daemon->blind = r < 0;
}

static void on_change(evutil_socket_t fd, short what, void *context)
{
    struct daemon *daemon = context;

    tell_of_changes(daemon, hypervisor_drain_changes(daemon->state.hypervisor));
    reconcile(&daemon->state);
}

static void on_closed(void *context)
{
    struct daemon *daemon = context;

    listener_resume(&daemon->listener);
}

/* Ends the loop when nothing is under way, or when it takes too long. */
static void on_stop_timer(evutil_socket_t fd, short what, void *context)
{
    struct daemon *daemon = context;
    struct timeval soon = { .tv_usec = 10000 };

    if ((daemon->state.operations.count == 0 && daemon->connections.tasks == 0) ||
        clock_milliseconds() >= daemon->stop_at)
        event_base_loopbreak(daemon->state.base);
    else
        event_add(daemon->stop_timer, &soon);
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
    struct daemon *daemon = context;

    if (daemon->stop_at)
        return;
    log_info("%s: stopping", strsignal(number));
    daemon->stop_at = clock_milliseconds() + STOP_TIME * 1000;
    service_stopping();
    reload_stop(&daemon->reload);
    listener_close(&daemon->listener);
    operations_stop(&daemon->state.operations);
    on_stop_timer(-1, 0, daemon);
}

static int setup_pools(struct daemon *daemon, const struct daemon_setup *setup)
{
    struct state *state = &daemon->state;

    state->pools = calloc(setup->pool_count + 1, sizeof(*state->pools));
    if (!state->pools)
        return -ENOMEM;
    for (size_t i = 0; i < setup->pool_count; i++) {
        struct state_pool *pool = &state->pools[i];
        int r = pool_new(setup->pools[i].frames, &pool->pool);

        if (r < 0)
            return r;
        snprintf(pool->name, sizeof(pool->name), "%s", setup->pools[i].name);
        snprintf(pool->device, sizeof(pool->device), "%s", setup->pools[i].device);
        pool->frames = setup->pools[i].frames;
        pool->address = setup->pools[i].address;
        pool->fd = setup->pools[i].fd;
        pool->map_offset = setup->pools[i].map_offset;
        state->pool_count++;
    }
    return 0;
}

static uint64_t configured_place(const struct config *config, const char *pool)
{
    for (size_t i = 0; i < config->pool_count; i++)
        if (strcmp(config->pools[i].name, pool) == 0)
            return config->pools[i].guest_address;
    return 0;
}

/* Every pool's place in the guests. */
static int place_pools(struct daemon *daemon, const struct config *config)
{
    struct state *state = &daemon->state;
    _cleanup_(cleanup_free) struct window_pool *places =
        calloc(state->pool_count + 1, sizeof(*places));

    if (!places)
        return -ENOMEM;
    for (size_t i = 0; i < state->pool_count; i++)
        places[i] = (struct window_pool){
            state->pools[i].frames,
            gfn(configured_place(config, state->pools[i].name) >> PAGE_SHIFT),
        };
    window_place_pools(places, state->pool_count);
    for (size_t i = 0; i < state->pool_count; i++) {
        struct state_pool *pool = &state->pools[i];

        pool->place = places[i].place;
        log_info("pool %s: %s, %" PRIu64 " pages at 0x%" PRIx64 ", in guests at 0x%" PRIx64,
                 pool->name, pool->device, pool->frames.count, mfn_address(pool->frames.first),
                 gfn_address(pool->place));
    }
    if (state->pool_count == 0)
        log_warning("there is no pool: nothing can be shared");
    return 0;
}

static int setup_events(struct daemon *daemon)
{
    static const int numbers[] = { SIGTERM, SIGINT };
    struct event_base *base = daemon->state.base;
    struct timeval interval = { .tv_sec = RECONCILE_INTERVAL };

    daemon->state.reconcile_event = event_new(base, -1, 0, on_reconcile, daemon);
    daemon->slow_timer = event_new(base, -1, EV_PERSIST, on_change, daemon);
    daemon->stop_timer = event_new(base, -1, 0, on_stop_timer, daemon);
    daemon->changes = event_new(base, hypervisor_change_fd(daemon->state.hypervisor),
                                EV_READ | EV_PERSIST, on_change, daemon);
    if (!daemon->state.reconcile_event || !daemon->slow_timer || !daemon->stop_timer ||
        !daemon->changes)
        return -ENOMEM;
    for (size_t i = 0; i < 2; i++) {
        daemon->signals[i] = evsignal_new(base, numbers[i], on_signal, daemon);
        if (!daemon->signals[i])
            return -ENOMEM;
        event_add(daemon->signals[i], NULL);
    }
    event_add(daemon->slow_timer, &interval);
    event_add(daemon->changes, NULL);
    return reload_open(&daemon->reload);
}

/*
 * How many connections there can be: clients that take every descriptor would keep the store from
 * being written. Raises the soft limit of descriptors as far as need be.
 */
static uint64_t limit_connections(uint64_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted + OTHER_DESCRIPTORS)
        return wanted;
    limit.rlim_cur = wanted + OTHER_DESCRIPTORS;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted + OTHER_DESCRIPTORS)
        return wanted;
    wanted = limit.rlim_cur > OTHER_DESCRIPTORS ? limit.rlim_cur - OTHER_DESCRIPTORS : 1;
    log_warning("%" PRIu64 " connections at most, by the limit of open files", wanted);
    return wanted;
}

/* On systemd's socket if there is one, else on that of the configuration. */
static int open_listener(struct daemon *daemon, const char *path, int fd)
{
    struct access_policy policy;
    int r;

    reload_read_policy(&daemon->reload, &policy);
    r = listener_open(&daemon->listener, &daemon->connections, daemon->state.base, path, &policy,
                      daemon->dispatcher.max_connections, &daemon->state.limits.quotas, fd);
    if (r < 0)
        log_error("socket %s: %s", path, strerror(-r));
    else
        log_info("ready on %s (version %s, Xen %s)", fd < 0 ? path : "the socket of systemd",
                 XENSHMD_VERSION, hypervisor_version(daemon->state.hypervisor));
    return r;
}

static int setup_listener(struct daemon *daemon)
{
    _cleanup_(cleanup_free) char *path = config_socket(&daemon->reload.config);
    int fd = service_socket(), r;

    if (!path)
        return -ENOMEM;
    if (fd < -1) {
        log_error("what systemd hands over is not one listening Unix socket");
        return fd;
    }
    r = open_listener(daemon, path, fd);
    if (r < 0)
        return r;
    r = service_open(&daemon->service, daemon->state.base);
    if (r == 0)
        service_ready();
    return r;
}

/*
 * Events have CONNECTION_PRIORITIES. While those that are due are worked on, others are looked for
 * every few milliseconds, so that more urgent ones need not wait for all of them.
 */
static struct event_base *new_event_base(void)
{
    const struct timeval interval = { .tv_usec = 4000 };
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && event_config_set_max_dispatch_interval(config, &interval, -1, 0) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    if (base)
        event_base_priority_init(base, CONNECTION_PRIORITIES);
    return base;
}

/* Each builder holds the store's lock, after what the backend gives it. */
static int setup_builder(struct state *state, const struct config *config,
                         const struct daemon_setup *setup)
{
    int fd;

    if (!setup->builder)
        return 0;
    fd = fcntl(store_created_lock(state->store), F_DUPFD_CLOEXEC,
               BUILDER_FD + 1 + BUILDER_EXTRA_MAX);
    if (fd < 0)
        return -errno;
    state->builder = *setup->builder;
    /* A reload keeps the text, see keep_fixed(). */
    state->builder.socket = config->builder_socket;
    state->builder.extra[state->builder.extra_count++] = fd;
    return 0;
}

/* Those of the backend, too, which are copies made for builders. */
static void clear_builder(struct state *state)
{
    while (state->builder.extra_count > 0)
        close(state->builder.extra[--state->builder.extra_count]);
}

static int setup_state(struct daemon *daemon, const struct daemon_setup *setup)
{
    const struct config *config = &daemon->reload.config;
    struct state *state = &daemon->state;
    int r;

    state->hypervisor = setup->hypervisor;
    segments_init(&state->segments);
    guests_init(&state->guests);
    TAILQ_INIT(&state->created);
    LIST_INIT(&state->leaving);
    state->guests.created = &state->created;
    events_init(&state->events);
    reload_apply_limits(&daemon->reload);
    state->base = new_event_base();
    if (!state->base)
        return -ENOMEM;
    audit_init(&state->audit, state->base);
    r = orders_set(&state->orders, config);
    if (r == 0)
        r = operations_init(&state->operations, state->base, state);
    if (r == 0)
        r = setup_pools(daemon, setup);
    if (r == 0)
        r = place_pools(daemon, config);
    if (r < 0)
        return r;
    r = store_open(config->state_dir, &state->store);
    if (r < 0) {
        log_error("state directory %s: %s", config->state_dir, strerror(-r));
        return r;
    }
    r = setup_builder(state, config, setup);
    if (r < 0)
        return r;
    if (setup->store_fault)
        store_set_fault(state->store, setup->store_fault, setup->hypervisor);
    return reconcile_load(state);
}

static double unix_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void setup_dispatcher(struct daemon *daemon, const struct daemon_setup *setup)
{
    daemon->dispatcher = (struct dispatcher){
        .state = &daemon->state,
        .connections = &daemon->connections,
        .tables = { methods, setup->extra_methods },
        .started_at = clock_milliseconds(),
        .start_time = unix_time(),
        .max_connections = limit_connections(daemon->reload.config.connections),
    };
    daemon->connections = (struct connections){
        .base = daemon->state.base,
        .overflow_wait = &daemon->state.limits.overflow_wait,
        .on_line = dispatch_line,
        .on_fault = dispatch_fault,
        .context = &daemon->dispatcher,
        .on_closed = on_closed,
        .closed_context = daemon,
    };
    TAILQ_INIT(&daemon->connections.list);
    budget_init(&daemon->connections.input, &daemon->state.limits.line_memory);
    budget_init(&daemon->connections.output, &daemon->state.limits.reply_memory);
}

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

static void daemon_clear(struct daemon *daemon)
{
    struct state *state = &daemon->state;

    service_clear(&daemon->service);
    listener_close(&daemon->listener);
    /* Requests under way hold their connections: the operations go first. */
    if (state->operations.turn)
        operations_clear(&state->operations);
    orders_clear(&state->orders);
    if (daemon->connections.base)
        connections_clear(&daemon->connections);
    listings_free(daemon->dispatcher.listings);
    segments_clear(&state->segments);
    guests_clear(&state->guests);
    created_list_clear(&state->created);
    builders_clear(&state->leaving);
    for (size_t i = 0; i < state->pool_count; i++)
        pool_free(state->pools[i].pool);
    free(state->pools);
    store_close(state->store);
    clear_builder(state);
    free_event(daemon->signals[0]);
    free_event(daemon->signals[1]);
    reload_clear(&daemon->reload);
    free_event(daemon->changes);
    free_event(daemon->slow_timer);
    free_event(daemon->stop_timer);
    free_event(state->reconcile_event);
    audit_clear(&state->audit);
    if (state->base)
        event_base_free(state->base);
}

int daemon_run(const struct daemon_setup *setup)
{
    struct daemon daemon = { .listener.fd = -1 };
    int r;

    daemon.reload = (struct reload){
        .config = *setup->config,
        .state = &daemon.state,
        .listener = &daemon.listener,
        .read = setup->reload,
        .context = setup->reload_context,
    };
    *setup->config = (struct config){ 0 };
    /* Clients, xenstored and the reader of the log may go at any time. */
    signal(SIGPIPE, SIG_IGN);
    r = setup_state(&daemon, setup);
    if (r == 0)
        r = setup_events(&daemon);
    if (r == 0) {
        setup_dispatcher(&daemon, setup);
        /* Before the first client: what an earlier run left half-done is repaired first. */
        reconcile(&daemon.state);
        r = setup_listener(&daemon);
    }
    if (r == 0 && setup->loop)
        r = setup->loop(setup->loop_context, &daemon.state, &daemon.connections);
    else if (r == 0)
        event_base_dispatch(daemon.state.base);
    else
        log_error("cannot start: %s", strerror(-r));
    daemon_clear(&daemon);
    return r;
}
