/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenshmd-sim: the same daemon, with simulated pools and guests. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder_spawn.h"
#include "cleanup.h"
#include "daemon.h"
#include "hypervisor_sim.h"
#include "log.h"
#include "method_sim.h"
#include "options.h"
#include "sim_guest.h"
#include "size.h"

#define BUILDER "xenshm-builder-sim"
#define POOLS_MAX 16
#define GUESTS_MAX 128
#define FAULTS_MAX 16
#define DEFAULT_POOL "1M"

struct sim_options {
    struct options command_line;
    const char *world;
    struct sim_pool_request pools[POOLS_MAX];
    char names[POOLS_MAX][64];
    size_t pool_count;
    struct sim_guest guests[GUESTS_MAX];
    size_t guest_count;
    struct {
        char operation[32];
        uint64_t after;
        bool kill;
    } faults[FAULTS_MAX];
    size_t fault_count;
};

/* [NAME=]SIZE; the default names are shared_mem, shared_mem1 ... */
static int add_pool(struct sim_options *options, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t index = options->pool_count;
    struct sim_pool_request *pool;
    char *name;

    if (index == POOLS_MAX)
        return -1;
    pool = &options->pools[index];
    name = options->names[index];
    if (size_parse(equals ? equals + 1 : text, &pool->size) != 0)
        return -1;
    if (equals)
        snprintf(name, sizeof(options->names[0]), "%.*s", (int)(equals - text), text);
    else if (index == 0)
        strcpy(name, "shared_mem");
    else
        snprintf(name, sizeof(options->names[0]), "shared_mem%zu", index);
    if (!params_name_valid(name))
        return -1;
    pool->size = pages_to_bytes(bytes_to_pages(pool->size));
    pool->name = name;
    options->pool_count++;
    return 1;
}

/* NAME[:MEMORY] */
static int add_guest(struct sim_options *options, const char *text)
{
    const char *colon = strrchr(text, ':');
    struct sim_guest *guest = &options->guests[options->guest_count];

    if (options->guest_count == GUESTS_MAX)
        return -1;
    *guest = (struct sim_guest){ .memory = SIM_GUEST_MEMORY };
    if (colon && size_parse(colon + 1, &guest->memory) != 0)
        return -1;
    snprintf(guest->name, sizeof(guest->name), "%.*s",
             colon ? (int)(colon - text) : (int)strlen(text), text);
    if (!guest->name[0])
        return -1;
    options->guest_count++;
    return 1;
}

/* OPERATION[:N[:kill]] */
static int add_fault(struct sim_options *options, const char *text)
{
    char copy[64], *word = copy, *operation, *after;

    if (options->fault_count == FAULTS_MAX)
        return -1;
    snprintf(copy, sizeof(copy), "%s", text);
    operation = strsep(&word, ":");
    after = strsep(&word, ":");
    if (strlen(operation) >= sizeof(options->faults[0].operation) ||
        (after && (strlen(after) > 6 || after[strspn(after, "0123456789")])) ||
        (word && strcmp(word, "kill") != 0))
        return -1;
    strcpy(options->faults[options->fault_count].operation, operation);
    options->faults[options->fault_count].after = after ? strtoul(after, NULL, 10) : 1;
    options->faults[options->fault_count].kill = word;
    options->fault_count++;
    return 1;
}

static int take_option(void *context, const char *option, const char *value)
{
    struct sim_options *options = context;

    if (strcmp(option, "--world") == 0) {
        options->world = value;
        return 1;
    }
    if (strcmp(option, "--pool") == 0)
        return add_pool(options, value);
    if (strcmp(option, "--fail") == 0)
        return add_fault(options, value);
    return strcmp(option, "--guest") == 0 ? add_guest(options, value) : 0;
}

/* In a world that goes on, they are there already. */
static int start_guests(struct hypervisor *hypervisor, const struct sim_options *options)
{
    for (size_t i = 0; i < options->guest_count; i++) {
        uint32_t domid;
        int r = sim_guest_start(hypervisor, &options->guests[i], &domid);

        if (r < 0 && r != -EEXIST) {
            log_error("guest %s: %s", options->guests[i].name, strerror(-r));
            return r;
        }
    }
    return 0;
}

static int plan_faults(struct hypervisor *hypervisor, const struct sim_options *options)
{
    for (size_t i = 0; i < options->fault_count; i++) {
        int r = sim_fail(hypervisor, options->faults[i].operation, options->faults[i].after, EIO,
                         options->faults[i].kill ? SIM_FAULT_KILL : SIM_FAULT_EARLY);

        if (r < 0) {
            log_error("--fail: no operation is called '%s'", options->faults[i].operation);
            return r;
        }
    }
    return 0;
}

/* The daemon wants ascending addresses, the world's first pool is the highest. */
static size_t list_pools(struct hypervisor *hypervisor, struct daemon_pool *pools)
{
    size_t count = sim_pool_count(hypervisor);

    for (size_t i = 0; i < count; i++) {
        size_t from = count - 1 - i;

        pools[i] = (struct daemon_pool){
            .name = sim_pool(hypervisor, from)->name,
            .device = "simulated",
            .frames = sim_pool(hypervisor, from)->frames,
            .address = sim_pool_address(hypervisor, from),
            .fd = sim_world_fd(hypervisor),
            .map_offset = sim_pool(hypervisor, from)->offset,
        };
    }
    return count;
}

static int open_world(const struct sim_options *options, struct hypervisor **ret_hypervisor)
{
    int r = sim_open(options->world, options->pools, options->pool_count, ret_hypervisor);
    const char *why = strerror(-r);

    if (r == -EEXIST)
        why = "it has other pools";
    else if (r == -EILSEQ)
        why = "not a world";
    else if (r == -E2BIG)
        why = "its pools must have less than 2 GiB together";
    else if (r == -EBUSY)
        why = "another xenshmd-sim has it open";
    if (r < 0)
        log_error("world %s: %s", options->world ? options->world : "(in memory)", why);
    return r;
}

static int reload(void *context, struct config *ret_config, struct error *error)
{
    return options_reload(context, ret_config, error);
}

/* The world and its bell go to each builder; above the descriptors that it gets them as. */
static int setup_builder(struct hypervisor *hypervisor, struct builder_setup *builder)
{
    const int shared[] = { sim_world_fd(hypervisor), sim_bell_fd(hypervisor) };

    for (size_t i = 0; i < 2; i++) {
        int fd = fcntl(shared[i], F_DUPFD_CLOEXEC, BUILDER_FD + 1 + BUILDER_EXTRA_MAX);

        if (fd < 0)
            return -errno;
        builder->extra[builder->extra_count++] = fd;
    }
    return 0;
}

static int run(struct config *config, struct sim_options *options)
{
    struct daemon_pool pools[POOLS_MAX];
    struct daemon_setup setup = {
        .config = config,
        .reload = reload,
        .reload_context = &options->command_line,
        .pools = pools,
        .extra_methods = sim_methods,
        .store_fault = sim_fault,
    };
    _cleanup_(cleanup_free) char *program = builder_find(BUILDER);
    struct builder_setup builder = { .program = program };
    int r;

    r = open_world(options, &setup.hypervisor);
    if (r < 0)
        return r;
    r = setup_builder(setup.hypervisor, &builder);
    if (r < 0) {
        log_error("the world cannot be shared with a builder: %s", strerror(-r));
        hypervisor_close(setup.hypervisor);
        return r;
    }
    if (program || config->builder_socket)
        setup.builder = &builder;
    else
        log_warning("no " BUILDER " beside this program: guests cannot be created");
    r = start_guests(setup.hypervisor, options);
    if (r == 0)
        r = plan_faults(setup.hypervisor, options);
    if (r == 0) {
        setup.pool_count = list_pools(setup.hypervisor, pools);
        r = daemon_run(&setup);
    }
    hypervisor_close(setup.hypervisor);
    return r;
}

int main(int argc, char **argv)
{
    static struct sim_options options;
    const struct options_extra extra = {
        .help = "  --guest NAME[:MEMORY]...  start simulated guests (default memory 128M)\n"
                "  --pool [NAME=]SIZE...     simulated pools (default " DEFAULT_POOL ")\n"
                "  --fail OPERATION[:N[:kill]]...  the N-th such call fails, or is the last\n"
                "  --world FILE              keep the simulated hypervisor in this file\n",
        .take = take_option,
        .context = &options,
    };
    struct config config;
    int r;

    if (config_init(&config) < 0)
        return EXIT_FAILURE;
    r = options_read(argc, argv, &extra, &options.command_line, &config);
    if (r < 0) {
        log_set_level(config.log_level);
        /* A world that exists keeps its own pools. */
        if (options.pool_count == 0 && (!options.world || access(options.world, F_OK) < 0))
            add_pool(&options, DEFAULT_POOL);
        r = run(&config, &options) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    config_clear(&config);
    return r;
}
