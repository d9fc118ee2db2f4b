/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"

void guest_tree_clear(struct guest_tree *tree)
{
    free(tree->data);
    free(tree->ranges);
    *tree = (struct guest_tree){ 0 };
}

static int read_whole(int fd, void *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = read(fd, (char *)data + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}

/* Returns 0 or -errno; -EFBIG: larger than any tree. */
static int read_file(const char *path, struct guest_tree *tree)
{
    _cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > DEVTREE_SIZE_MAX)
        return -EFBIG;
    tree->size = (size_t)st.st_size;
    tree->data = malloc(tree->size + 1);
    return tree->data ? read_whole(fd, tree->data, tree->size) : -ENOMEM;
}

int guest_tree_read(const char *path, struct guest_tree *ret_tree, struct error *error)
{
    struct guest_tree tree = { 0 };
    struct error why = { 0 };
    int r;

    if (!path)
        return 0;
    r = read_file(path, &tree);
    if (r < 0)
        error_set(&why, XENSHM_CONFIG_INVALID, "%s", strerror(-r));
    else
        r = devtree_guest_ranges(tree.data, tree.size, &tree.ranges, &tree.range_count, &why);
    if (r == 0) {
        *ret_tree = tree;
        return 0;
    }
    guest_tree_clear(&tree);
    return error_set(error, XENSHM_CONFIG_INVALID, "device_tree '%s': %s", path,
                     why.code ? why.message : strerror(-r));
}

static int merge(const struct guest_tree *tree, const struct build_order *order,
                 struct devtree_blob *ret_blob, struct error *error)
{
    _cleanup_(cleanup_free) struct devtree_segment *segments =
        calloc(order->share_count + 1, sizeof(*segments));
    int r;

    if (!segments)
        return error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder has no memory");
    for (size_t i = 0; i < order->share_count; i++)
        segments[i] = (struct devtree_segment){
            .name = order->shares[i].segment,
            .address = gfn_address(order->shares[i].first),
            .size = pages_to_bytes(order->shares[i].frames.count),
        };
    r = devtree_guest(tree->data, tree->size, segments, order->share_count, order->compatible,
                      ret_blob, error);
    return r < 0 ? error_set(error, XENSHM_HYPERVISOR_FAILED, "the builder has no memory") : r;
}

static int write_file(const char *path, const struct devtree_blob *blob)
{
    _cleanup_(cleanup_close) int fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t done = 0;

    if (fd < 0)
        return -errno;
    while (done < blob->size) {
        ssize_t n = write(fd, (const char *)blob->data + done, blob->size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    return 0;
}

static int replace_file(const char *path, const struct devtree_blob *blob)
{
    _cleanup_(cleanup_free) char *temporary = NULL;
    int r;

    if (asprintf(&temporary, "%s.new", path) < 0) {
        temporary = NULL;
        return -ENOMEM;
    }
    r = write_file(temporary, blob);
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(temporary);
    return r;
}

int guest_tree_write(const struct guest_tree *tree, const struct build_order *order,
                     struct error *error)
{
    struct devtree_blob blob = { 0 };
    int r;

    r = merge(tree, order, &blob, error);
    if (r)
        return r;
    r = replace_file(order->tree, &blob);
    devtree_blob_clear(&blob);
    return r < 0 ? error_set(error, XENSHM_STORE_FAILED, "writing '%s' failed: %s", order->tree,
                             strerror(-r))
                 : 0;
}
