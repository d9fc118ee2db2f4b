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

static int read_bytes(const void *data, size_t size, struct config *config, struct error *error)
{
    char path[64];
    int fd = memfd_create("config", 0), r;

    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size && config_init(config) == 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    r = config_read(config, path, error);
    close(fd);
    MUST(r == 0 || (r == XENSHM_CONFIG_INVALID && r == error->code && error->message[0]));
    return r;
}

static char *show(const struct config *config, size_t *ret_size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_size);

    MUST(out && config_show(config, out) == 0 && fclose(out) == 0);
    return text;
}

/* What is shown is a file that gives the same; but it may have become too long for a line. */
static void check_shown(const struct config *config)
{
    struct error error = { 0 };
    size_t size, size_again;
    char *text = show(config, &size), *again;
    struct config other;

    if (read_bytes(text, size, &other, &error) == 0) {
        again = show(&other, &size_again);
        MUST(size == size_again && memcmp(text, again, size) == 0);
        free(again);
    } else {
        MUST(strstr(error.message, "it is too long"));
    }
    config_clear(&other);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = { 0 };
    struct config config;
    int r = read_bytes(data, size, &config, &error);

    if (r == 0) {
        MUST(config.state_dir && config.operate_group && config.read_group);
        MUST(config.connections > 0 && config.segments > 0 && config.operations > 0);
        check_orders(&config);
        check_shown(&config);
    }
    config_clear(&config);
    return 0;
}
