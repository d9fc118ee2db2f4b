/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pictures of pools against a second reading of what picture.h promises: random pools, looked at
 * page by page. XENSHM_SEED repeats a run.
 */
#include "test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "legend.h"
#include "picture.h"
#include "text.h"

#define POOLS 3000
#define PAGES_MAX 4000
#define RUNS_MAX 400
#define KINDS (PICTURE_CLASH + 1)

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (random_state * UINT64_C(2685821657736338717) >> 16) % limit;
}

static struct pool {
    struct picture_run runs[RUNS_MAX];
    size_t run_count;
    uint64_t pages;
    size_t owner[PAGES_MAX]; /* index of the run of each page */
} pool;

static void random_pool(void)
{
    static const enum picture_kind kinds[] = { PICTURE_FREE, PICTURE_FREE,    PICTURE_USED,
                                               PICTURE_USED, PICTURE_FOREIGN, PICTURE_QUARANTINED,
                                               PICTURE_CLASH };
    uint64_t longest = random_below(3) ? 1 + random_below(8) : 1 + random_below(PAGES_MAX / 2);
    size_t variety = 1 + random_below(ELEMENTS(kinds));

    pool = (struct pool){ .run_count = 1 + random_below(RUNS_MAX) };
    for (size_t i = 0; i < pool.run_count; i++) {
        struct picture_run *run = &pool.runs[i];

        run->pages = random_below(longest + 1);
        if (i == 0)
            run->pages++;
        if (run->pages > PAGES_MAX - pool.pages)
            run->pages = PAGES_MAX - pool.pages;
        run->kind = kinds[random_below(variety)];
        for (uint64_t page = 0; page < run->pages; page++)
            pool.owner[pool.pages++] = i;
    }
}

static bool is_power_of_two(uint64_t n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

static void check_scale(const struct picture_scale *scale, size_t columns, size_t row_limit)
{
    uint64_t cells = (pool.pages + scale->pages_per_cell - 1) / scale->pages_per_cell;

    assert_true(is_power_of_two(scale->pages_per_cell) && is_power_of_two(scale->cells_per_page));
    assert_true(scale->pages_per_cell == 1 || scale->cells_per_page == 1);
    assert_true(scale->row_cells >= 1 && scale->row_cells <= columns);
    assert_true(scale->row_cells + 16 > columns);
    assert_int_equal(scale->cell_count, cells * scale->cells_per_page);
    assert_true(scale->cell_count <= scale->row_cells * row_limit);
    if (scale->cells_per_page > 1)
        assert_true(scale->cell_count <= scale->row_cells); /* pages are not cut by a row's end */
    if (scale->pages_per_cell > 1)                          /* no coarser than it must be */
        assert_true(pool.pages > scale->pages_per_cell / 2 * scale->row_cells * row_limit);
}

/* The pages of a cell, seen one by one. */
struct view {
    uint64_t pages, held;
    size_t kinds[KINDS]; /* runs of each kind */
    size_t runs;         /* that are not free */
    size_t last;
};

static struct view view_of(const struct picture_scale *scale, size_t cell)
{
    uint64_t page = cell / scale->cells_per_page * scale->pages_per_cell;
    struct view view = { .last = SIZE_MAX };

    for (uint64_t i = 0; i < scale->pages_per_cell && page < pool.pages; i++, page++) {
        size_t run = pool.owner[page];
        bool free = pool.runs[run].kind == PICTURE_FREE;

        view.pages++;
        view.held += !free;
        if (!free && run != view.last) {
            view.kinds[pool.runs[run].kind]++;
            view.runs++;
            view.last = run;
        }
    }
    return view;
}

static enum picture_kind expected_kind(const struct picture_scale *scale, const struct view *view)
{
    if (view->kinds[PICTURE_CLASH])
        return PICTURE_CLASH;
    if (view->kinds[PICTURE_QUARANTINED])
        return PICTURE_QUARANTINED;
    if (view->runs > 1)
        return view->held * 2 < scale->pages_per_cell ? PICTURE_SEVERAL_SPARSE : PICTURE_SEVERAL;
    if (view->runs == 0)
        return PICTURE_FREE;
    return view->kinds[PICTURE_USED] ? PICTURE_USED : PICTURE_FOREIGN;
}

static void check_cells(const struct picture_scale *scale, const struct picture_cell *cells)
{
    bool seen[RUNS_MAX] = { false };

    for (size_t i = 0; i < scale->cell_count; i++) {
        struct view view = view_of(scale, i);

        assert_true(view.pages > 0);
        assert_int_equal(cells[i].kind, expected_kind(scale, &view));
        if (view.runs == 1)
            assert_int_equal(cells[i].run, view.last);
        if (view.runs == 1 || cells[i].kind > PICTURE_SEVERAL)
            seen[cells[i].run] = true;
    }
    for (size_t i = 0; i < pool.run_count; i++)
        assert_int_equal(pool.runs[i].seen, seen[i]);
}

static char *row_of(const struct picture_cell *cells, size_t count, struct picture_style style)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    picture_print(out, cells, count, pool.runs, style);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* Each cell is its own sign, or its run's letter. */
static void check_row(const struct picture_cell *cells, size_t count)
{
    _cleanup_(cleanup_free) char *plain = row_of(cells, count, (struct picture_style){ 0 });
    _cleanup_(cleanup_free) char *blocks = row_of(cells, count, (struct picture_style){ true });

    assert_int_equal(strlen(plain), count);
    assert_int_equal(text_width(blocks), count);
    for (size_t i = 0; i < count; i++) {
        const char *sign = picture_sign(cells[i].kind, false);

        assert_int_equal(plain[i], *sign ? *sign : pool.runs[cells[i].run].mark);
    }
}

static void check_random_picture(void)
{
    size_t columns = 1 + random_below(500), row_limit = 1 + random_below(20);
    _cleanup_(cleanup_free) struct picture_cell *cells = NULL;
    struct picture_scale scale;

    random_pool();
    scale = picture_scale(pool.pages, columns, row_limit);
    check_scale(&scale, columns, row_limit);
    cells = calloc(scale.cell_count, sizeof(*cells));
    assert_non_null(cells);
    assert_int_equal(legend_choose(pool.runs, pool.run_count, random_below(60)), 0);
    picture_fill(&scale, pool.runs, pool.run_count, cells);
    check_cells(&scale, cells);
    for (size_t i = 0; i < scale.cell_count; i += scale.row_cells)
        check_row(cells + i,
                  scale.row_cells < scale.cell_count - i ? scale.row_cells : scale.cell_count - i);
}

static void test_random_pictures(void **state)
{
    const char *text = getenv("XENSHM_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);

    print_message("# XENSHM_SEED=%" PRIu64 "\n", seed);
    random_state = seed * 2 + 1;
    for (unsigned i = 0; i < POOLS; i++)
        check_random_picture();
}

/* Draws the pool in one row. */
static void assert_picture(size_t columns, struct picture_style style, const char *expected)
{
    struct picture_scale scale = picture_scale(pool.pages, columns, 1);
    struct picture_cell cells[64];
    _cleanup_(cleanup_free) char *text = NULL;

    assert_true(scale.cell_count <= ELEMENTS(cells));
    assert_int_equal(legend_choose(pool.runs, pool.run_count, 36), 0);
    picture_fill(&scale, pool.runs, pool.run_count, cells);
    text = row_of(cells, scale.cell_count, style);
    assert_string_equal(text, expected);
}

static void add_run(uint64_t pages, enum picture_kind kind)
{
    pool.runs[pool.run_count++] = (struct picture_run){ .pages = pages, .kind = kind };
    pool.pages += pages;
}

static void example_pool(void)
{
    pool = (struct pool){ 0 };
    add_run(1, PICTURE_USED);
    add_run(3, PICTURE_USED);
    add_run(2, PICTURE_FREE);
    add_run(2, PICTURE_FOREIGN);
    add_run(1, PICTURE_QUARANTINED);
    add_run(1, PICTURE_FREE);
    add_run(2, PICTURE_CLASH);
    add_run(4, PICTURE_FREE);
}

static void test_examples(void **state)
{
    struct picture_style plain = { 0 }, blocks = { .utf8 = true }, colour = { .colour = true };

    example_pool();
    assert_picture(16, plain, "ABBB..aa~.!!....");
    assert_picture(16, blocks,
                   "AB\u2588\u2588\u2591\u2591a\u2593~\u2591!!\u2591\u2591\u2591\u2591");
    assert_picture(8, plain, "+B.a~!..");
    assert_picture(4, plain, "+a!.");
    assert_picture(1, plain, "!");
    assert_picture(32, plain, "AABBBBBB....aaaa~~..!!!!........");
    assert_picture(16, colour,
                   "\033[32mABBB\033[0m..\033[33maa\033[0m\033[31m~\033[0m.\033[31m!!\033[0m....");
}

static void test_several(void **state)
{
    pool = (struct pool){ 0 };
    add_run(1, PICTURE_USED);
    add_run(5, PICTURE_FREE);
    add_run(1, PICTURE_FOREIGN);
    add_run(1, PICTURE_FREE);
    add_run(2, PICTURE_USED);
    add_run(2, PICTURE_USED);
    add_run(4, PICTURE_FREE);
    assert_picture(2, (struct picture_style){ 0 }, "-+");
}

/* One page is not one character in an empty line. */
static void test_small_pool(void **state)
{
    pool = (struct pool){ 0 };
    add_run(1, PICTURE_USED);
    assert_picture(64, (struct picture_style){ 0 }, "AAAAAAAA");
    assert_picture(7, (struct picture_style){ 0 }, "AAAA");
    assert_picture(1, (struct picture_style){ 0 }, "A");
}

/* The largest pool that there can be, and one in very many pieces, end in as few cells. */
static void test_large_pools(void **state)
{
    struct picture_scale scale = picture_scale(UINT64_C(1) << 52, 64, 16);
    size_t count = 100000;
    _cleanup_(cleanup_free) struct picture_run *runs = calloc(count, sizeof(*runs));
    struct picture_cell cells[1024];
    size_t listed = 0;

    assert_int_equal(scale.cell_count, 1024);
    assert_non_null(runs);
    for (size_t i = 0; i < count; i++)
        runs[i] = (struct picture_run){ .pages = 10, .kind = i % 2 ? PICTURE_USED : PICTURE_FREE };
    runs[50000].kind = PICTURE_QUARANTINED;
    scale = picture_scale(10 * count, 64, 16);
    assert_true(scale.cell_count <= 1024);
    assert_int_equal(legend_choose(runs, count, 36), 0);
    picture_fill(&scale, runs, count, cells);
    for (size_t i = 0; i < count; i++)
        listed += runs[i].listed;
    assert_int_equal(listed, 36);
    assert_true(runs[50000].listed && runs[50000].seen);
}

static void assert_marks(size_t limit, const char *expected)
{
    assert_int_equal(legend_choose(pool.runs, pool.run_count, limit), 0);
    for (size_t i = 0; i < pool.run_count; i++) {
        assert_int_equal(pool.runs[i].mark, expected[2 * i]);
        assert_int_equal(pool.runs[i].listed, expected[2 * i + 1] == '+');
    }
}

/* Of each run its mark, and '+' where it is in the legend: trouble first, then the largest. */
static void test_legend(void **state)
{
    example_pool();
    assert_marks(36, "A+B+.-a+~+.-!+.-");
    assert_marks(5, "A+B+.-a+~+.-!+.-");
    assert_marks(4, "#-A+.-a+~+.-!+.-");
    assert_marks(3, "#-A+.-%-~+.-!+.-");
    assert_marks(2, "#-#-.-%-~+.-!+.-");
    assert_marks(1, "#-#-.-%-~-.-!+.-");
    assert_marks(0, "#-#-.-%-~-.-!-.-");
}

/* There are 36 capital letters and digits, and 26 small letters. */
static void test_legend_out_of_letters(void **state)
{
    char expected[200] = "";

    pool = (struct pool){ 0 };
    for (unsigned i = 0; i < 38; i++)
        add_run(1, PICTURE_USED);
    for (unsigned i = 0; i < 28; i++)
        add_run(1, PICTURE_FOREIGN);
    for (const char *s = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789##abcdefghijklmnopqrstuvwxyz%%"; *s;
         s++)
        snprintf(expected + strlen(expected), 3, "%c+", *s);
    assert_marks(100, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_pictures),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_small_pool),
        cmocka_unit_test(test_large_pools),
        cmocka_unit_test(test_legend),
        cmocka_unit_test(test_legend_out_of_letters),
    };

    return RUN_TESTS("picture", tests);
}
