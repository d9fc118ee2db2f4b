/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables in lines of limited length: examples, and random tables, of which no line is too long and
 * no letter is lost. XENSHM_SEED repeats a run.
 */
#include "test.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "print.h"
#include "text.h"

#define TABLES 2000
#define COLUMNS_MAX 8
#define ROWS_MAX 6
#define LETTERS 26

static char *text_of(const struct table *table, bool colour, size_t limit)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(table_print(table, out, colour, limit), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_table(const struct table *table, bool colour, size_t limit, const char *expected)
{
    _cleanup_(cleanup_free) char *text = text_of(table, colour, limit);

    assert_string_equal(text, expected);
}

/* Cells parted by '|'. */
static void add_row(struct table *table, const char *cells)
{
    _cleanup_(cleanup_free) char *text = strdup(cells);
    char *rest = text, *cell;

    while ((cell = strsep(&rest, "|")))
        table_add(table, cell);
}

static const struct column plain_columns[] = {
    { "NAME" }, { "SIZE", COLUMN_NUMBER }, { "STATE", COLUMN_STATE }, { "SEGMENTS" }, { 0 }
};

static void test_last_column_flows_down(void **state)
{
    _cleanup_(cleanup_table) struct table *table = table_new(plain_columns);

    add_row(table, "guest1|4 KiB|running|alpha, beta, gamma, delta");
    add_row(table, "g|1 MiB|paused|-");
    assert_table(table, false, 40,
                 "NAME     SIZE  STATE    SEGMENTS\n"
                 "guest1  4 KiB  running  alpha, beta,\n"
                 "                        gamma, delta\n"
                 "g       1 MiB  paused   -\n");
    assert_table(table, false, 0,
                 "NAME     SIZE  STATE    SEGMENTS\n"
                 "guest1  4 KiB  running  alpha, beta, gamma, delta\n"
                 "g       1 MiB  paused   -\n");
    assert_table(table, false, 49,
                 "NAME     SIZE  STATE    SEGMENTS\n"
                 "guest1  4 KiB  running  alpha, beta, gamma, delta\n"
                 "g       1 MiB  paused   -\n");
}

/* Where beside the others too little is left, the rows get another line each. */
static void test_rows_fold(void **state)
{
    _cleanup_(cleanup_table) struct table *table = table_new(plain_columns);

    add_row(table, "a-guest-with-a-long-name|4 KiB|running|alpha, beta, gamma");
    add_row(table, "g|1 MiB|paused|-");
    assert_table(table, false, 38,
                 "NAME                       SIZE\n"
                 "  STATE    SEGMENTS\n"
                 "a-guest-with-a-long-name  4 KiB\n"
                 "  running  alpha, beta, gamma\n"
                 "g                         1 MiB\n"
                 "  paused   -\n");
}

/* A name that is longer than any line goes on below itself, in its own place. */
static void test_name_longer_than_the_line(void **state)
{
    _cleanup_(cleanup_table) struct table *table = table_new(plain_columns);

    add_row(table, "0123456789abcdefghijklmnopqrstuvwxyz|4 KiB|used|x");
    assert_table(table, false, 20,
                 "NAME\n"
                 "   SIZE  STATE\n"
                 "  SEGMENTS\n"
                 "0123456789abcdefghij\n"
                 "klmnopqrstuvwxyz\n"
                 "  4 KiB  used\n"
                 "  x\n");
}

static const struct column folding_columns[] = {
    { "SEGMENT" }, { "POOL" }, { "GUEST", .folds = true }, { "STATE", COLUMN_STATE }, { 0 }
};

/* What stands before the fold is said once. */
static void test_repetition_is_left_out(void **state)
{
    _cleanup_(cleanup_table) struct table *table = table_new(folding_columns);

    add_row(table, "shared|pool|guest-number-1|attached");
    add_row(table, "shared|pool|guest-number-2|waiting");
    add_row(table, "shared|pool2|guest-number-2|waiting");
    assert_table(table, false, 30,
                 "SEGMENT  POOL\n"
                 "  GUEST           STATE\n"
                 "shared   pool\n"
                 "  guest-number-1  attached\n"
                 "  guest-number-2  waiting\n"
                 "shared   pool2\n"
                 "  guest-number-2  waiting\n");
    assert_table(table, false, 80,
                 "SEGMENT  POOL   GUEST           STATE\n"
                 "shared   pool   guest-number-1  attached\n"
                 "shared   pool   guest-number-2  waiting\n"
                 "shared   pool2  guest-number-2  waiting\n");
}

/* Each piece of a cell has the colour of the whole. */
static void test_colour_of_pieces(void **state)
{
    static const struct column columns[] = { { "A" }, { "STATE", COLUMN_STATE }, { 0 } };
    _cleanup_(cleanup_table) struct table *table = table_new(columns);

    add_row(table, "x|clash guest1, guest2");
    assert_table(table, true, 20,
                 "\033[1mA\033[0m  \033[1mSTATE\033[0m\n"
                 "x  \033[31mclash guest1,\033[0m\n"
                 "   \033[31mguest2\033[0m\n");
}

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (random_state * UINT64_C(2685821657736338717) >> 16) % limit;
}

/* Small letters, with a blank here and there inside; counted. */
static void random_text(char *text, unsigned letters[LETTERS])
{
    size_t length = random_below(random_below(10) ? 12 : 90);

    for (size_t i = 0; i < length; i++) {
        unsigned letter = (unsigned)random_below(LETTERS);

        bool inside = i > 0 && i + 1 < length;

        text[i] = (char)(!inside || random_below(9) ? 'a' + letter : ' ');
        if (text[i] != ' ')
            letters[letter]++;
    }
    text[length] = '\0';
}

static void count_letters(const char *text, unsigned letters[LETTERS])
{
    for (; *text; text++)
        if (islower((unsigned char)*text))
            letters[*text - 'a']++;
}

static void assert_lines_within(const char *text, size_t limit)
{
    while (*text) {
        size_t bytes = strcspn(text, "\n");

        assert_true(limit == 0 || bytes <= limit);
        assert_true(bytes == 0 || text[bytes - 1] != ' ');
        text += bytes + 1;
    }
}

static void check_random_table(size_t limit)
{
    static const char *const headings[] = { "", "A", "BEE", "SEE", "D", "LONGHEADING", "F", "GEE" };
    struct column columns[COLUMNS_MAX + 1] = { 0 };
    size_t column_count = 1 + random_below(COLUMNS_MAX), rows = random_below(ROWS_MAX), lines = 0;
    unsigned wanted[LETTERS] = { 0 }, got[LETTERS] = { 0 };
    _cleanup_(cleanup_table) struct table *table = NULL;
    _cleanup_(cleanup_free) char *text = NULL;
    char cell[128];

    for (size_t i = 0; i < column_count; i++)
        columns[i] = (struct column){ headings[i], (enum column_kind)random_below(3) };
    table = table_new(columns);
    for (size_t i = 0; i < rows * column_count; i++) {
        random_text(cell, wanted);
        table_add(table, cell);
    }
    text = text_of(table, false, limit);
    assert_lines_within(text, limit);
    count_letters(text, got);
    assert_memory_equal(got, wanted, sizeof(got));
    for (const char *s = text; (s = strchr(s, '\n')); s++)
        lines++;
    assert_true(limit > 0 ? lines >= rows + 1 : lines == rows + 1);
}

static void test_random_tables(void **state)
{
    const char *text = getenv("XENSHM_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);

    print_message("# XENSHM_SEED=%" PRIu64 "\n", seed);
    random_state = seed * 2 + 1;
    for (unsigned i = 0; i < TABLES; i++)
        check_random_table(random_below(4) ? 20 + random_below(180) : 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_column_flows_down),
        cmocka_unit_test(test_rows_fold),
        cmocka_unit_test(test_name_longer_than_the_line),
        cmocka_unit_test(test_repetition_is_left_out),
        cmocka_unit_test(test_colour_of_pieces),
        cmocka_unit_test(test_random_tables),
    };

    return RUN_TESTS("table", tests);
}
