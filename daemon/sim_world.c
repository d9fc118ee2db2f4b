/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim_world.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

/*
 * Each part of the file begins where any kernel lets a program map it, however large its pages are
 * (64 KiB at most): Xen's are of 4 KiB everywhere.
 */
#define PART_ALIGN ((uint64_t)64 * 1024)

static uint64_t part_size(uint64_t bytes)
{
    return (bytes + PART_ALIGN - 1) / PART_ALIGN * PART_ALIGN;
}

static uint64_t tables_size(void)
{
    return part_size(sizeof(struct sim_world));
}

static uint64_t world_size(const struct sim_pool_request *pools, size_t count)
{
    uint64_t size = tables_size();

    for (size_t i = 0; i < count; i++)
        size += part_size(pools[i].size);
    return size;
}

/* The tables of a new world; everything else is zero. The magic comes last. */
static void fill_world(struct sim_world *world, const struct sim_pool_request *pools, size_t count,
                       uint64_t size)
{
    uint64_t end = SIM_POOLS_END, offset = tables_size();

    for (size_t i = 0; i < count; i++) {
        struct sim_pool *pool = &world->pools[i];

        end -= pools[i].size;
        snprintf(pool->name, sizeof(pool->name), "%s", pools[i].name);
        pool->frames = (struct mfn_range){ mfn(end >> PAGE_SHIFT), pools[i].size >> PAGE_SHIFT };
        pool->offset = offset;
        offset += part_size(pools[i].size);
    }
    world->pool_count = count;
    world->next_domid = 1;
    world->size = size;
    sim_in_order();
    world->magic = SIM_WORLD_MAGIC;
}

static int check_pools(const struct sim_pool_request *pools, size_t count)
{
    uint64_t room = SIM_POOLS_END;

    if (count > SIM_POOLS)
        return -E2BIG;
    for (size_t i = 0; i < count; i++) {
        if (pools[i].size >= room || !page_aligned(pools[i].size) || pools[i].size == 0)
            return -E2BIG;
        room -= pools[i].size;
    }
    return 0;
}

static bool same_pools(const struct sim_world *world, const struct sim_pool_request *pools,
                       size_t count)
{
    if (count == 0)
        return true;
    if (count != world->pool_count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(pools[i].name, world->pools[i].name) != 0 ||
            pools[i].size != pages_to_bytes(world->pools[i].frames.count))
            return false;
    return true;
}

/* As long as a builder of a daemon that was killed may take to go with it. */
#define LOCK_TRIES 50
#define LOCK_PAUSE_US 10000

static int lock_file(int fd)
{
    for (unsigned i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        usleep(LOCK_PAUSE_US);
    }
    return -EBUSY;
}

/* An unnamed file, or the named one, locked: two daemons must not share a world. */
static int open_file(const char *path)
{
    int fd;

    if (!path)
        fd = memfd_create("xenshmd-sim", MFD_CLOEXEC);
    else
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (path && lock_file(fd) < 0) {
        close(fd);
        return -EBUSY;
    }
    return fd;
}

/* NULL with errno on failure. */
static struct sim_world *map_file(int fd, uint64_t size)
{
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return address == MAP_FAILED ? NULL : address;
}

static int check_world(struct sim_world *world, uint64_t size, const struct sim_pool_request *pools,
                       size_t count)
{
    if (size < sizeof(*world) || world->magic != SIM_WORLD_MAGIC || world->size != size)
        return -EILSEQ;
    return same_pools(world, pools, count) ? 0 : -EEXIST;
}

static int make_lock(struct sim_world *world)
{
    pthread_mutexattr_t attributes;
    int r;

    r = pthread_mutexattr_init(&attributes);
    if (r == 0)
        r = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    if (r == 0)
        r = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    if (r == 0)
        r = pthread_mutex_init(&world->lock, &attributes);
    return -r;
}

/* The world in the file, made if the file is empty. */
static int open_world(int fd, const struct sim_pool_request *pools, size_t pool_count,
                      struct sim_world **ret_world)
{
    struct sim_world *world = NULL;
    struct stat st;
    uint64_t size;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    size = st.st_size > 0 ? (uint64_t)st.st_size : world_size(pools, pool_count);
    if (st.st_size > 0 && size < sizeof(*world))
        return -EILSEQ;
    if (st.st_size == 0 && ftruncate(fd, (off_t)size) < 0)
        return -errno;
    world = map_file(fd, size);
    if (!world)
        return -errno;
    /* A file that a kill left empty of meaning is as good as new. */
    if (st.st_size == 0 || (world->magic == 0 && size == world_size(pools, pool_count)))
        fill_world(world, pools, pool_count, size);
    r = check_world(world, size, pools, pool_count);
    if (r < 0) {
        munmap(world, size);
        return r;
    }
    *ret_world = world;
    return 0;
}

int sim_world_open(const char *path, const struct sim_pool_request *pools, size_t pool_count,
                   struct sim_world **ret_world)
{
    int fd, r;

    r = check_pools(pools, pool_count);
    if (r < 0)
        return r;
    fd = open_file(path);
    if (fd < 0)
        return fd;
    r = open_world(fd, pools, pool_count, ret_world);
    /* Nobody else is in it yet; what a lock in a file says may be of another boot of the machine.
     */
    if (r == 0)
        r = make_lock(*ret_world);
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}

int sim_world_join(int fd, struct sim_world **ret_world)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) && st.st_size > 0 ? open_world(fd, NULL, 0, ret_world) : -EILSEQ;
}

void sim_world_close(struct sim_world *world)
{
    munmap(world, world->size);
}

void sim_world_lock(struct sim_world *world)
{
    int r = pthread_mutex_lock(&world->lock);

    /* Whoever had it was killed: what is in the world is made for that. */
    if (r == EOWNERDEAD)
        r = pthread_mutex_consistent(&world->lock);
    if (r)
        abort();
}

void sim_world_unlock(struct sim_world *world)
{
    pthread_mutex_unlock(&world->lock);
}

void *sim_world_pool(struct sim_world *world, size_t index)
{
    return (char *)world + world->pools[index].offset;
}

int sim_ranges_add(struct sim_ranges *ranges, struct sim_range range)
{
    if (ranges->count == SIM_RANGES)
        return -ENOSPC;
    ranges->items[ranges->count] = range;
    sim_in_order();
    ranges->count++;
    return 0;
}

static void drop(struct sim_ranges *ranges, uint64_t index)
{
    const struct sim_range *last = &ranges->items[ranges->count - 1];
    struct sim_range *range = &ranges->items[index];

    if (range != last) {
        range->count = 0;
        sim_in_order();
        range->domid = last->domid;
        range->host = last->host;
        range->guest = last->guest;
        sim_in_order();
        range->count = last->count;
    }
    sim_in_order();
    ranges->count--;
}

/* What remains of `range` behind the end of the removed part, which begins `skip` pages in. */
static struct sim_range behind(const struct sim_range *range, uint64_t skip)
{
    return (struct sim_range){ range->domid, range->host + skip, range->guest + skip,
                               range->count - skip };
}

int sim_ranges_remove(struct sim_ranges *ranges, uint32_t domid, bool by_guest, uint64_t first,
                      uint64_t count)
{
    for (uint64_t i = ranges->count; i-- > 0;) {
        struct sim_range *range = &ranges->items[i];
        uint64_t start = by_guest ? range->guest : range->host;
        uint64_t before, end;

        if (range->domid != domid || !frames_overlap(start, range->count, first, count))
            continue;
        before = first > start ? first - start : 0;
        end = first + count - start;
        if (end < range->count && sim_ranges_add(ranges, behind(range, end)) < 0)
            return -ENOSPC;
        if (before > 0)
            range->count = before;
        else
            drop(ranges, i);
    }
    return 0;
}

bool sim_ranges_cover(const struct sim_ranges *ranges, uint32_t domid, uint64_t host,
                      uint64_t count)
{
    uint64_t at = host;

    while (at < host + count) {
        uint64_t next = at;

        for (uint64_t i = 0; i < ranges->count; i++) {
            const struct sim_range *range = &ranges->items[i];

            if (range->domid == domid && range->host <= at && at < range->host + range->count &&
                range->host + range->count > next)
                next = range->host + range->count;
        }
        if (next == at)
            return false;
        at = next;
    }
    return true;
}

/* True when an entry before `index` has the page too: a kill may leave such. */
static bool counted_before(const struct sim_ranges *ranges, uint64_t index, uint64_t host,
                           uint64_t guest)
{
    for (uint64_t i = 0; i < index; i++) {
        const struct sim_range *range = &ranges->items[i];

        if (range->domid == ranges->items[index].domid && host >= range->host &&
            host - range->host < range->count && guest - range->guest == host - range->host)
            return true;
    }
    return false;
}

uint64_t sim_ranges_pages(const struct sim_ranges *ranges, uint32_t domid)
{
    uint64_t pages = 0;

    for (uint64_t i = 0; i < ranges->count; i++) {
        const struct sim_range *range = &ranges->items[i];

        for (uint64_t p = 0; range->domid == domid && p < range->count; p++)
            pages += !counted_before(ranges, i, range->host + p, range->guest + p);
    }
    return pages;
}
