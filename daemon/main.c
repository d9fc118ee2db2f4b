/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenshmd: pools from UIO devices, guests from Xen. */
#include <stdlib.h>
#include <string.h>

#include "builder_spawn.h"
#include "cleanup.h"
#include "daemon.h"
#include "hypervisor_xen.h"
#include "log.h"
#include "options.h"
#include "uio.h"
#include "uio_open.h"

#define BUILDER "xenshm-builder"

/* Opens every usable map; says of the others why they are not. Returns how many. */
static size_t open_pools(const struct uio_maps *maps, struct daemon_pool *pools)
{
    size_t count = 0;

    for (size_t i = 0; i < maps->count; i++) {
        const struct uio_map *map = &maps->items[i];
        struct daemon_pool *pool = &pools[count];
        int r;

        if (map->refusal[0]) {
            log_warning("%s (%s) is not a pool: %s", map->device, map->name, map->refusal);
            continue;
        }
        r = uio_open("", map, &pool->fd, &pool->address);
        if (r < 0) {
            log_error("%s (%s): %s", map->device, map->name, strerror(-r));
            continue;
        }
        /* Descriptor and mapping stay for the life of the process. */
        pool->name = map->name;
        pool->device = map->device;
        pool->frames = map->frames;
        pool->map_offset = uio_map_offset(map);
        count++;
    }
    return count;
}

static int reload(void *context, struct config *ret_config, struct error *error)
{
    return options_reload(context, ret_config, error);
}

static int run(struct config *config, struct options *options)
{
    const struct uio_match match = {
        .names = (const char *const *)config->pool_names,
        .compatibles = (const char *const *)config->pool_compatibles,
    };
    _cleanup_(cleanup_free) char *program = builder_find(BUILDER);
    struct builder_setup builder = { 0 };
    struct uio_maps maps = { 0 };
    _cleanup_(cleanup_free) struct daemon_pool *pools = NULL;
    struct daemon_setup setup = {
        .config = config,
        .reload = reload,
        .reload_context = options,
    };
    int r;

    builder.program = program;
    if (program || config->builder_socket)
        setup.builder = &builder;
    else
        log_warning("no " BUILDER " beside this program: guests cannot be created");
    r = hypervisor_xen_open(&setup.hypervisor);
    if (r < 0) {
        log_error("Xen cannot be reached: %s; is this Dom0, as root, with xenstored running?",
                  strerror(-r));
        return r;
    }
    r = uio_discover("", &match, &maps);
    if (r < 0)
        log_error("/sys/class/uio: %s; is the uio module loaded?", strerror(-r));
    pools = calloc(maps.count + 1, sizeof(*pools));
    if (pools) {
        setup.pool_count = open_pools(&maps, pools);
        setup.pools = pools;
        r = daemon_run(&setup);
    }
    uio_maps_clear(&maps);
    hypervisor_close(setup.hypervisor);
    return r;
}

int main(int argc, char **argv)
{
    const struct options_extra extra = { .help = "" };
    struct options options;
    struct config config;
    int r;

    if (config_init(&config) < 0)
        return EXIT_FAILURE;
    r = options_read(argc, argv, &extra, &options, &config);
    if (r < 0) {
        log_set_level(config.log_level);
        r = run(&config, &options) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    config_clear(&config);
    return r;
}
