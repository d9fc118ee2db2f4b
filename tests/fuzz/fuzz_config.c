/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configuration files of any bytes: in force as a whole, or refused with one line of why. */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"

static void check_orders(const struct config *config)
{
    for (size_t i = 0; i < config->order_count; i++) {
        const struct config_order *order = &config->orders[i];

        MUST(params_name_valid(order->name) && order->size > 0 && order->guests);
        MUST((order->align & (order->align - 1)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = { 0 };
    struct config config;
    char path[64];
    int fd = memfd_create("config", 0), r;

    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size && config_init(&config) == 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    r = config_read(&config, path, &error);
    close(fd);
    MUST(r == 0 || (r == XENSHM_CONFIG_INVALID && r == error.code && error.message[0]));
    if (r == 0) {
        MUST(config.state_dir && config.operate_group && config.read_group);
        MUST(config.connections > 0 && config.segments > 0 && config.operations > 0);
        check_orders(&config);
    }
    config_clear(&config);
    return 0;
}
