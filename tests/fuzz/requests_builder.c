/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Builders without processes: what builder.c starts, signals and waits for ends up here, and talks
 * over the socket pair in the same thread. A configuration is its own facts: {"facts": {...}}. An
 * input says what a builder does wrong, and when.
 */
#include "requests.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder.h"
#include "cleanup.h"
#include "fuzz.h"
#include "hypervisor_sim.h"
#include "message.h"
#include "uuid.h"

#define BUILDERS 16
#define FIRST_PID (1 << 28) /* no process has such a number */
#define LINE_MAX_HERE 65536

struct fake {
    int fd; /* -1: none, or dead */
    uint32_t domid;
    json_t *facts;
};

static struct hypervisor *world;
static struct fake fakes[BUILDERS];
static size_t fake_count;
static int talk_of_next = -1;
static enum builder_trouble trouble;
static unsigned trouble_after;

void requests_builders_reset(struct hypervisor *hypervisor)
{
    world = hypervisor;
    for (size_t i = 0; i < BUILDERS && i < fake_count; i++)
        MUST(fakes[i].fd < 0);
    fake_count = 0;
    trouble = BUILDER_HONEST;
}

void requests_builders_plan(enum builder_trouble what, unsigned after)
{
    trouble = what;
    trouble_after = after;
}

/* ---- in place of libc's */

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int new_fd)
{
    if (new_fd == BUILDER_FD)
        talk_of_next = fd;
    return 0;
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[], char *const environment[])
{
    struct fake *fake = &fakes[fake_count % BUILDERS];

    if (fake_count >= BUILDERS && fake->fd >= 0)
        return EAGAIN;
    *fake = (struct fake){ .fd = fcntl(talk_of_next, F_DUPFD_CLOEXEC, 0) };
    MUST(fake->fd >= 0 && fcntl(fake->fd, F_SETFL, O_NONBLOCK) == 0);
    *pid = FIRST_PID + (pid_t)(fake_count++ % BUILDERS);
    return 0;
}

static void die(struct fake *fake)
{
    cleanup_close(&fake->fd);
    json_decref(fake->facts);
    *fake = (struct fake){ .fd = -1 };
}

int kill(pid_t pid, int number)
{
    if (abs(pid) < FIRST_PID)
        return (int)syscall(SYS_kill, pid, number);
    die(&fakes[abs(pid) - FIRST_PID]);
    return 0;
}

pid_t waitpid(pid_t pid, int *ret_status, int options)
{
    if (pid < FIRST_PID)
        return (pid_t)syscall(SYS_wait4, pid, ret_status, options, NULL);
    MUST(fakes[pid - FIRST_PID].fd < 0);
    *ret_status = SIGKILL;
    return pid;
}

/* ---- what a builder does */

static void say(struct fake *fake, json_t *line)
{
    _cleanup_(cleanup_free) char *text = line ? message_text(line) : NULL;

    json_decref(line);
    MUST(text);
    if (send(fake->fd, text, strlen(text), MSG_NOSIGNAL) < 0 ||
        send(fake->fd, "\n", 1, MSG_NOSIGNAL) < 0)
        die(fake);
}

static void refuse(struct fake *fake)
{
    if (fake->domid)
        sim_destroy(world, fake->domid);
    say(fake, json_pack("{s:{s:s, s:s}}", "error", "name", "HYPERVISOR_FAILED", "message",
                        "it does not work"));
    die(fake);
}

static int add_range(struct fake *fake, const json_t *range)
{
    json_int_t host = 0, size = 0, guest = 0;
    struct hypervisor_iomem iomem;

    json_unpack((json_t *)range, "{s:I, s:I, s:I}", "host_address", &host, "size", &size,
                "guest_address", &guest);
    iomem = (struct hypervisor_iomem){
        { mfn((uint64_t)host >> PAGE_SHIFT), (uint64_t)size >> PAGE_SHIFT },
        gfn((uint64_t)guest >> PAGE_SHIFT),
    };
    return sim_add_iomem(world, fake->domid, iomem);
}

static int add_ranges(struct fake *fake, const json_t *shares)
{
    const json_t *range;
    size_t i;
    int r = 0;

    json_array_foreach(json_object_get(fake->facts, "iomem"), i, range)
        r = r ? r : add_range(fake, range);
    json_array_foreach(shares, i, range)
        if (json_is_true(json_object_get(range, "map")))
            r = r ? r : add_range(fake, range);
    return r;
}

static void build(struct fake *fake, const json_t *order)
{
    struct sim_domain domain = { .memory_kib = 131072, .maxmem_kib = 131072, .paused = true };
    const char *name = NULL, *uuid = NULL;

    json_unpack(fake->facts, "{s:s, s:s}", "name", &name, "uuid", &uuid);
    domain.name = name;
    if (!name || !uuid || uuid_parse(uuid, domain.uuid) < 0 ||
        sim_start(world, &domain, &fake->domid) < 0 ||
        add_ranges(fake, json_object_get(order, "shares")) < 0 ||
        sim_store_config(world, fake->domid, "{}") < 0)
        refuse(fake);
    else
        say(fake, json_pack("{s:{s:I}}", "built", "domid", (json_int_t)fake->domid));
}

static void end(struct fake *fake, const json_t *order)
{
    uint32_t domid = (uint32_t)json_integer_value(json_object_get(order, "domid"));
    const char *how = json_string_value(json_object_get(order, "how"));
    const char *name = json_string_value(json_object_get(order, "name"));

    MUST(how && (strcmp(how, "destroy") == 0 || strcmp(how, "preserve") == 0));
    if (strcmp(how, "destroy") == 0)
        sim_destroy(world, domid);
    else if (name)
        sim_rename(world, domid, name);
    say(fake, json_pack("{s:{}}", "done"));
}

/* As builder.h has it. */
static void obey(struct fake *fake, const json_t *line)
{
    const json_t *facts = json_object_get(json_object_get(line, "config"), "facts");

    if (json_object_get(line, "build")) {
        build(fake, json_object_get(line, "build"));
    } else if (json_object_get(line, "run")) {
        sim_pause(world, fake->domid, false);
        say(fake, json_pack("{s:{}}", "done"));
    } else if (json_object_get(line, "how")) {
        end(fake, line);
    } else {
        MUST(json_object_get(line, "config"));
        fake->facts = json_deep_copy(facts);
        if (facts)
            say(fake, json_pack("{s:O}", "facts", facts));
        else
            refuse(fake);
    }
}

/* Instead of what it should, or after it. */
static void misbehave(struct fake *fake, const json_t *line)
{
    static const char *const texts[] = {
        [BUILDER_GARBAGE] = "{\"built\": }\n",
        [BUILDER_DONE] = "{\"done\":{}}\n",
        [BUILDER_NONSENSE] = "{\"facts\":[],\"built\":{\"domid\":\"1\"}}\n",
        [BUILDER_TALKS] = "{\"built\":{\"domid\":1}}\n{\"done\":{}}\n{\"error\":0}\n",
        [BUILDER_LIST] = "[]\n",
    };
    enum builder_trouble what = trouble;

    trouble = BUILDER_HONEST;
    if (what == BUILDER_REFUSES)
        refuse(fake);
    else if (what == BUILDER_DIES_AFTER)
        obey(fake, line);
    else if (what < sizeof(texts) / sizeof(texts[0]) && texts[what] &&
             send(fake->fd, texts[what], strlen(texts[what]), MSG_NOSIGNAL) < 0)
        die(fake);
    if (what == BUILDER_DIES || what == BUILDER_DIES_AFTER)
        die(fake);
}

static void hear(struct fake *fake, const char *text, size_t length)
{
    _cleanup_(cleanup_json) json_t *line = NULL;
    struct error error = { 0 };

    MUST(text[length - 1] == '\n');
    MUST(message_parse(text, length - 1, &line, &error) == 0 && json_is_object(line));
    if (trouble != BUILDER_HONEST && trouble_after-- == 0)
        misbehave(fake, line);
    else
        obey(fake, line);
}

bool requests_builders_turn(void)
{
    static char text[LINE_MAX_HERE];
    bool moved = false;

    for (size_t i = 0; i < BUILDERS && i < fake_count; i++) {
        ssize_t n = fakes[i].fd < 0 ? -1 : recv(fakes[i].fd, text, sizeof(text), 0);

        if (n > 0)
            hear(&fakes[i], text, (size_t)n);
        else if (n == 0)
            die(&fakes[i]);
        moved |= n >= 0;
    }
    return moved;
}
