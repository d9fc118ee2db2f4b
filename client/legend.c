/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "legend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

static bool is_trouble(const struct picture_run *run)
{
    return run->kind == PICTURE_QUARANTINED || run->kind == PICTURE_CLASH;
}

/* Of pointers into one array of runs: what is listed first. */
static int compare(const void *a, const void *b)
{
    const struct picture_run *x = *(struct picture_run *const *)a;
    const struct picture_run *y = *(struct picture_run *const *)b;

    if (is_trouble(x) != is_trouble(y))
        return is_trouble(x) ? -1 : 1;
    if (x->pages != y->pages)
        return x->pages > y->pages ? -1 : 1;
    return x < y ? -1 : x > y;
}

static int list(struct picture_run *runs, size_t count, size_t limit)
{
    _cleanup_(cleanup_free) struct picture_run **taken = calloc(count + 1, sizeof(*taken));
    size_t taken_count = 0;

    if (!taken)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        runs[i].listed = false;
        if (runs[i].kind != PICTURE_FREE && runs[i].pages > 0)
            taken[taken_count++] = &runs[i];
    }
    if (taken_count > limit)
        qsort(taken, taken_count, sizeof(*taken), compare);
    for (size_t i = 0; i < taken_count && i < limit; i++)
        taken[i]->listed = true;
    return 0;
}

/* The next letter of those that are left; `more` when there is none. */
static char next_letter(const char **letters, char more)
{
    return **letters ? *(*letters)++ : more;
}

int legend_choose(struct picture_run *runs, size_t count, size_t limit)
{
    const char *capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const char *small = "abcdefghijklmnopqrstuvwxyz";
    int r = list(runs, count, limit);

    if (r)
        return r;
    for (size_t i = 0; i < count; i++) {
        struct picture_run *run = &runs[i];

        if (is_trouble(run) || run->kind == PICTURE_FREE)
            run->mark = *picture_sign(run->kind, false);
        else if (run->kind == PICTURE_FOREIGN)
            run->mark =
                run->listed ? next_letter(&small, LEGEND_MORE_FOREIGN) : LEGEND_MORE_FOREIGN;
        else
            run->mark = run->listed ? next_letter(&capitals, LEGEND_MORE_USED) : LEGEND_MORE_USED;
    }
    return 0;
}
