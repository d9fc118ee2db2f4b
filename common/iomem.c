/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What Linux uses as RAM; see iomem.h. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "iomem.h"
#include "sysfs.h"

/* Longer than any line of the kernel's: what does not fit makes no sense. */
#define LINE_SIZE 1024

/* "  40000000-7fffefff : System RAM" */
static int parse_line(const char *line, uint64_t *ret_first, uint64_t *ret_last,
                      const char **ret_what)
{
    const char *p = line + strspn(line, " ");
    uint64_t first, last;

    if (sysfs_parse_hex(&p, &first) != 0 || *p++ != '-' || sysfs_parse_hex(&p, &last) != 0 ||
        strncmp(p, " : ", 3) != 0 || last < first)
        return IOMEM_E_UNKNOWN;
    *ret_first = first;
    *ret_last = last;
    *ret_what = p + 3;
    return 0;
}

static int append(struct mfn_range **ranges, size_t *count, struct mfn_range range)
{
    struct mfn_range *more = reallocarray(*ranges, *count + 1, sizeof(range));

    if (!more)
        return -ENOMEM;
    more[(*count)++] = range;
    *ranges = more;
    return 0;
}

/* Takes one line. Returns 0 or -ENOMEM; *problem is set when the file cannot be believed. */
static int take_line(const char *line, struct mfn_range **ram, size_t *count, const char **problem)
{
    uint64_t first, last;
    const char *what;

    if (parse_line(line, &first, &last, &what) != 0) {
        *problem = "has a line that makes no sense";
        return 0;
    }
    /* Also "System RAM (kmem)" and the like; a range of nothing but zeros is a hidden one. */
    if (strncmp(what, "System RAM", strlen("System RAM")) != 0)
        return 0;
    if (last == 0)
        *problem = "hides its addresses";
    first >>= PAGE_SHIFT;
    last >>= PAGE_SHIFT;
    return append(ram, count, (struct mfn_range){ mfn(first), last - first + 1 });
}

static FILE *open_iomem(const char *root)
{
    _cleanup_(cleanup_close) int fd = sysfs_open(root, "/proc/iomem");
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;

    if (file)
        steal_fd(&fd);
    return file;
}

int iomem_read_ram(const char *root, struct mfn_range **ret_ram, size_t *ret_count,
                   const char **ret_problem)
{
    _cleanup_(cleanup_fclose) FILE *file = NULL;
    _cleanup_(cleanup_free) struct mfn_range *ram = NULL;
    const char *problem = NULL;
    char line[LINE_SIZE];
    size_t count = 0;
    int r = 0;

    file = open_iomem(root);
    while (file && r == 0 && !problem && fgets(line, sizeof(line), file))
        r = take_line(line, &ram, &count, &problem);
    if (r)
        return r;
    if (!file || ferror(file))
        problem = "cannot be read";
    else if (count == 0 && !problem)
        problem = "shows no System RAM";
    if (problem) {
        *ret_problem = problem;
        return IOMEM_E_UNKNOWN;
    }
    *ret_ram = steal_pointer(&ram);
    *ret_count = count;
    return 0;
}
