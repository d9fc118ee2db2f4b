/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A simulated daemon that runs out of memory when a test says so: linked into
 * xenshmd-sim-no-memory. $XENSHM_NO_MEMORY names a file that both map, a struct plan. Reached are
 * the daemon's own allocations (by the linker's --wrap, see meson.build) and those of jansson and
 * libevent, which let themselves be told how to allocate; not what the C library does for itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>

/* As the tests write it: three numbers in the order of the machine. */
struct plan {
    int64_t successes; /* allocations that still succeed; below 0: all do */
    int64_t failures;  /* how many fail after them */
    int64_t failed;    /* how many did, since the test looked */
};

static struct plan none = { .successes = -1 };
static volatile struct plan *plan = &none;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
FILE *__real_open_memstream(char **ret_text, size_t *ret_length);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
int __wrap_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
FILE *__wrap_open_memstream(char **ret_text, size_t *ret_length);

static int fails(void)
{
    if (plan->successes < 0)
        return 0;
    if (plan->successes > 0) {
        plan->successes--;
        return 0;
    }
    if (--plan->failures <= 0)
        plan->successes = -1;
    plan->failed++;
    errno = ENOMEM;
    return 1;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t count, size_t size)
{
    return fails() ? NULL : __real_reallocarray(p, count, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t length)
{
    return fails() ? NULL : __real_strndup(text, length);
}

int __wrap_asprintf(char **ret_text, const char *format, ...)
{
    va_list arguments;
    int r;

    if (fails())
        return -1;
    va_start(arguments, format);
    r = vasprintf(ret_text, format, arguments);
    va_end(arguments);
    return r;
}

FILE *__wrap_open_memstream(char **ret_text, size_t *ret_length)
{
    return fails() ? NULL : __real_open_memstream(ret_text, ret_length);
}

/* Before main(): nothing has been allocated by these libraries yet. */
__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("XENSHM_NO_MEMORY");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map = mmap(NULL, sizeof(none), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (fd >= 0 && map != MAP_FAILED)
        plan = map;
    if (fd >= 0)
        close(fd);
    json_set_alloc_funcs(__wrap_malloc, free);
    event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
}

/* The end is not what is tested: what counts lines and looks for leaks allocates there. */
__attribute__((destructor)) static void end(void)
{
    plan = &none;
}
