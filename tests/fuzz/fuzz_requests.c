/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stories of requests, faults, guests that come and go, restarts and reloads, told to a whole
 * daemon on the simulated hypervisor, in this thread and on a clock of its own. After each step the
 * rules are looked at (requests_rules.c), and at the end each request has had exactly one reply.
 *
 * An input is records of RECORD bytes; what a byte means is in requests_text.c and in act().
 */
#include "requests.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "daemon.h"
#include "fuzz.h"
#include "hypervisor_sim.h"
#include "sim_guest.h"

/* Turns of the loop after which whatever was asked for has an end. */
#define TURNS_MAX 20000
#define RECORDS_MAX 300

/* What is in force; a reload chooses another. All have short lists, so that limits are met. */
static const char *const configs[] = {
    "[limits]\nsegments = 6\nattachments = 5\noperations = 8\nconnections = 8\n",
    "[daemon]\nunknown-holders = ignore\nrestart-grace = 0\nholder-wait = 0\n",
    "[segment kept]\nsize = 8K\nguests = g0, g1\n[segment s0]\nsize = 4K\nguests = g0\n"
    "address = 0x3a100000\n",
    "[segment s1]\nsize = 64K\npool = second\nguests = g1\naddress = identity\n[limits]\n"
    "event-backlog = 64K\n[daemon]\nbuilder-timeout = 2\n",
};

static const struct method *sim_rows; /* NULL: nothing is set up */
static char folder[] = "/dev/shm/xenshm-fuzz-XXXXXX";

/* The story of one input. */
struct story {
    const struct record *next, *end;
    struct hypervisor *hypervisor;
    struct state *state;
    struct connections *connections;
    struct client *clients; /* CLIENTS of them */
    uint8_t config;
    size_t faults; /* that were still to come, at the last look */
    bool stale;    /* a fault may have kept the daemon from something it tries again */
};

/* Deletes no more than it made. */
static void clean_up(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    if (system(command) != 0)
        perror(folder);
}

static int read_config(void *context, struct config *ret_config, struct error *error)
{
    const struct story *story = context;
    const char *text = configs[story->config % (sizeof(configs) / sizeof(configs[0]))];
    char path[64];
    int fd = memfd_create("config", 0), r;

    MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    MUST(config_init(ret_config) == 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    r = config_read(ret_config, path, error);
    close(fd);
    MUST(r == 0);
    free(ret_config->state_dir);
    ret_config->state_dir = strdup(folder);
    /* Found at once: groups are looked up in files and services. */
    free(ret_config->operate_group);
    free(ret_config->read_group);
    ret_config->operate_group = strdup("root");
    ret_config->read_group = strdup("root");
    ret_config->log_level = getenv("FUZZ_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR;
    return 0;
}

/* ---- turns of the loop */

/* A connection waits for its turn, whose time is the real one. */
static bool any_queued(const struct connections *connections)
{
    return !TAILQ_EMPTY(&connections->queues[0].list) || !TAILQ_EMPTY(&connections->queues[1].list);
}

static bool turn(struct story *story)
{
    struct event_base *base = story->state->base;
    bool moved = false;

    MUST(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
    for (size_t i = 0; i < CLIENTS; i++)
        moved |= client_read(&story->clients[i]);
    moved |= requests_builders_turn();
    rules_check_model(story->state);
    return moved || event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE) > 0;
}

/* Until nothing moves, however long what is under way waits for something. */
static void settle(struct story *story)
{
    uint64_t wait = 20;
    unsigned quiet = 0;

    for (unsigned i = 0; i < TURNS_MAX; i++) {
        quiet = turn(story) || any_queued(story->connections) ? 0 : quiet + 1;
        if (quiet < 4)
            continue;
        if (story->state->operations.count == 0 && story->connections->tasks == 0)
            return;
        requests_clock_advance(wait);
        wait = wait < 1000 ? 2 * wait : wait;
        quiet = 0;
    }
    MUST(!"what is under way comes to an end");
}

static void check(struct story *story)
{
    size_t faults = sim_faults_pending(story->hypervisor);

    settle(story);
    for (size_t i = 0; i < CLIENTS; i++)
        client_check(&story->clients[i]);
    rules_check_wiped(story->state);
    story->stale |= faults != story->faults || faults > 0;
    story->faults = sim_faults_pending(story->hypervisor);
    if (!story->stale)
        rules_check_world(story->state, folder);
}

/* ---- steps */

static void plan_fault(struct story *story, const struct record *record)
{
    static const int errors[] = { EIO, ENOMEM, EPERM, EINVAL, ESRCH, EBUSY, ENOSPC, 0 };
    size_t count = 0;

    while (sim_operations[count])
        count++;
    MUST(count > 0);
    sim_fail(story->hypervisor, sim_operations[record->method % count], record->choices[0] % 8,
             errors[record->choices[1] % 8],
             record->choices[2] & 1 ? SIM_FAULT_LATE : SIM_FAULT_EARLY);
    story->stale = true;
    story->faults = sim_faults_pending(story->hypervisor);
}

/* As long as all that is tried again is tried again. */
static void wait_long(struct story *story, const struct record *record)
{
    static const uint64_t times[] = { 20, 1000, 6000, 61000 };

    requests_clock_advance(times[record->choices[0] % 4]);
    settle(story);
    if (record->choices[0] % 4 < 2 || sim_faults_pending(story->hypervisor) > 0)
        return;
    requests_clock_advance(6000);
    settle(story);
    story->stale = false;
    story->faults = 0;
}

/* Bytes of the records that follow, as they are; or a part of a line. */
static void send_bytes(struct story *story, struct client *client, const struct record *record)
{
    size_t count = record->choices[0] % 8;

    if (count > (size_t)(story->end - story->next))
        count = (size_t)(story->end - story->next);
    client->wild = true;
    client_send(client, story->next, count * RECORD);
    client_send(client, "\n", record->choices[1] & 1);
    story->next += count;
}

static void send_batch(struct story *story, struct client *client, const struct record *record)
{
    size_t count = 2 + record->choices[0] % 8;

    if (count > (size_t)(story->end - story->next))
        return;
    client_request(client, story->next, count);
    story->next += count;
}

/* Returns false when the daemon is to end. */
static bool act(struct story *story, const struct record *record)
{
    struct client *client = &story->clients[record->who % CLIENTS];

    switch (record->what % 32) {
    case 0:
        client_connect(client, story->connections, record);
        break;
    case 1:
        client_hang_up(client);
        break;
    case 2:
        client_finish(client);
        break;
    case 3:
        client->deaf = !client->deaf;
        client->was_deaf = true;
        break;
    case 4:
        send_bytes(story, client, record);
        break;
    case 5:
        send_batch(story, client, record);
        break;
    case 6:
    case 7:
        plan_fault(story, record);
        break;
    case 8:
        story->config = record->method;
        raise(SIGHUP);
        break;
    case 9:
        requests_clock_tick(record->choices[0] & 1 ? 1 : 700);
        break;
    case 10:
        requests_builders_plan(record->method % BUILDER_TROUBLES, record->choices[0] % 8);
        break;
    case 11:
        wait_long(story, record);
        break;
    case 12:
        return false;
    default:
        client_request(client, record, 1);
    }
    return true;
}

/* In place of the daemon's event loop: until the input wants another daemon, or ends. */
static int tell(void *context, struct state *state, struct connections *connections)
{
    struct story *story = context;
    bool goes_on = true;
    bool stops = false;

    story->state = state;
    story->connections = connections;
    story->stale |= story->faults > 0;
    client_connect(&story->clients[0], connections, &(struct record){ 0 });
    check(story);
    while (goes_on && story->next < story->end) {
        const struct record *record = story->next++;

        goes_on = act(story, record);
        stops = record->choices[0] & 1;
        if (record->what < 0xc0)
            check(story);
        else if (record->what < 0xe0)
            turn(story);
    }
    check(story);
    /* Else it ends as if it were killed. */
    for (raise(stops ? SIGTERM : 0); stops && !event_base_got_break(state->base);) {
        requests_clock_advance(10);
        turn(story);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        client_hang_up(&story->clients[i]);
    return 0;
}

/* ---- the world */

static void start_world(struct story *story)
{
    static const struct sim_pool_request pools[] = { { "shared_mem", 16 * PAGE_SIZE },
                                                     { "second", 24 * PAGE_SIZE } };
    struct sim_guest guest = { .name = "g0", .memory = SIM_GUEST_MEMORY };
    uint32_t domid;

    if (!sim_rows) {
        MUST(mkdtemp(folder));
        atexit(clean_up);
        sim_rows = requests_sim_methods();
        json_object_seed(1);
    }
    requests_clock_reset();
    MUST(sim_open(NULL, pools, 2, &story->hypervisor) == 0);
    requests_builders_reset(story->hypervisor);
    rules_soil(story->hypervisor);
    MUST(sim_guest_start(story->hypervisor, &guest, &domid) == 0);
    for (size_t i = 0; i < CLIENTS; i++)
        story->clients[i].fd = -1;
}

/* The store is of one world. */
static void empty(const char *name)
{
    char path[sizeof(folder) + 64];
    struct dirent *entry;
    DIR *dir;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    dir = opendir(path);
    MUST(dir);
    while ((entry = readdir(dir)))
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
}

static void end_world(struct story *story)
{
    requests_builders_reset(NULL);
    hypervisor_close(story->hypervisor);
    empty("segments");
    empty("guests");
}

static void run_daemon(struct story *story)
{
    struct daemon_pool pools[2];
    const struct builder_setup builder = { .program = "builder" };
    struct config config;
    struct error error = { 0 };
    struct daemon_setup setup = {
        .config = &config,
        .reload = read_config,
        .reload_context = story,
        .hypervisor = story->hypervisor,
        .pools = pools,
        .pool_count = 2,
        .builder = &builder,
        .extra_methods = sim_rows,
        .store_fault = sim_fault,
        .loop = tell,
        .loop_context = story,
    };

    for (size_t i = 0; i < 2; i++)
        /* The first has the highest address. */
        pools[i] = (struct daemon_pool){
            .name = sim_pool(story->hypervisor, 1 - i)->name,
            .device = "simulated",
            .frames = sim_pool(story->hypervisor, 1 - i)->frames,
            .address = sim_pool_address(story->hypervisor, 1 - i),
            .fd = sim_world_fd(story->hypervisor),
            .map_offset = sim_pool(story->hypervisor, 1 - i)->offset,
        };
    read_config(story, &config, &error);
    MUST(daemon_run(&setup) == 0);
    config_clear(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct client clients[CLIENTS];
    struct story story = { .next = (const struct record *)data, .clients = clients };
    size_t records = size / RECORD;

    story.end = story.next + (records < RECORDS_MAX ? records : RECORDS_MAX);
    start_world(&story);
    do
        run_daemon(&story);
    while (story.next < story.end);
    run_daemon(&story);
    end_world(&story);
    return 0;
}
