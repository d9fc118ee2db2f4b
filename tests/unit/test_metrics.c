/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is counted, in which bucket, and how it is written. */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exposition.h"
#include "message.h"
#include "metrics.h"

static void count(struct metrics *metrics, size_t method, int code, uint64_t microseconds)
{
    metrics_count(metrics, &(struct metrics_request){ method, code, microseconds });
}

static uint64_t refusals(const struct metrics *metrics, const char *name)
{
    for (size_t i = 0; i < ERROR_KINDS; i++)
        if (strcmp(error_kinds[i].name, name) == 0)
            return metrics->refusals[i];
    fail_msg("no error is called %s", name);
    return 0;
}

static void test_outcomes(void **state)
{
    struct metrics metrics = { 0 };

    count(&metrics, 1, 0, 10);
    count(&metrics, 1, XENSHM_POOL_FULL, 20);
    count(&metrics, METRICS_METHODS, XENSHM_POOL_FULL, 30);
    count(&metrics, METRICS_NO_METHOD, MESSAGE_PARSE_ERROR, 0);
    assert_int_equal(metrics.methods[1].done, 1);
    assert_int_equal(metrics.methods[1].refused, 1);
    assert_int_equal(metrics.methods[1].microseconds, 30);
    assert_int_equal(metrics.methods[2].done + metrics.methods[2].refused, 0);
    assert_int_equal(metrics.methods[METRICS_METHODS].refused, 1);
    assert_int_equal(metrics.methods[METRICS_NO_METHOD].refused, 1);
    assert_int_equal(refusals(&metrics, "POOL_FULL"), 2);
    assert_int_equal(refusals(&metrics, "PARSE_ERROR"), 1);
    assert_int_equal(refusals(&metrics, "BUSY"), 0);
}

/* Every error has a place of its own. */
static void test_every_error(void **state)
{
    for (size_t i = 0; i < ERROR_KINDS; i++) {
        struct metrics metrics = { 0 };

        assert_non_null(error_kinds[i].name);
        count(&metrics, 1, error_kinds[i].code, 0);
        for (size_t k = 0; k < ERROR_KINDS; k++)
            assert_int_equal(metrics.refusals[k], k == i);
    }
}

/* A bound belongs to its bucket. */
static void test_buckets(void **state)
{
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        uint64_t bound = (uint64_t)(metrics_bounds[i] * 1e6 + 0.5);
        struct metrics metrics = { 0 };

        count(&metrics, 1, 0, bound);
        assert_int_equal(metrics.methods[1].buckets[i], 1);
        count(&metrics, 1, 0, bound + 1);
        assert_int_equal(metrics.methods[1].buckets[i], 1);
        assert_int_equal(metrics.methods[1].buckets[i + 1], 1);
    }
}

static void test_bounds(void **state)
{
    struct metrics metrics = { 0 };

    assert_true(metrics_bounds[0] == 0.0005);
    assert_true(metrics_bounds[METRICS_BUCKETS - 1] == 60);
    for (size_t i = 1; i < METRICS_BUCKETS; i++)
        assert_true(metrics_bounds[i] > metrics_bounds[i - 1]);
    count(&metrics, 1, 0, 0);
    count(&metrics, 1, 0, UINT64_MAX / 2);
    assert_int_equal(metrics.methods[1].buckets[0], 1);
    assert_int_equal(metrics.methods[1].buckets[METRICS_BUCKETS], 1);
}

static void assert_sample(const char *const *labels, double value, const char *expected)
{
    static const struct exposition_family family = { "a_b", "counter", NULL, "Help." };
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    exposition_sample(out, &family, "_total", labels, value);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void test_samples(void **state)
{
    assert_sample(NULL, 0, "a_b_total 0\n");
    assert_sample((const char *[]){ NULL }, 1, "a_b_total 1\n");
    assert_sample((const char *[]){ "x", "y", "z", "", NULL }, 0.25,
                  "a_b_total{x=\"y\",z=\"\"} 0.25\n");
    assert_sample(NULL, 1099511627776, "a_b_total 1099511627776\n");
}

/* Whatever a label has, the text stays one line that means it. */
static void test_escapes(void **state)
{
    assert_sample((const char *[]){ "x", "a\"b\\c", NULL }, 1, "a_b_total{x=\"a\\\"b\\\\c\"} 1\n");
    assert_sample((const char *[]){ "x", "a\nb\t\xff", NULL }, 1, "a_b_total{x=\"a?b??\"} 1\n");
    assert_sample((const char *[]){ "x", "gr\xc3\xbcn", NULL }, 1,
                  "a_b_total{x=\"gr\xc3\xbcn\"} 1\n");
}

static void test_numbers(void **state)
{
    char text[32];

    assert_string_equal(exposition_number(0.0005, text), "0.0005");
    assert_string_equal(exposition_number(0.5, text), "0.5");
    assert_string_equal(exposition_number(60, text), "60.0");
    assert_string_equal(exposition_number(INFINITY, text), "+Inf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes), cmocka_unit_test(test_every_error),
        cmocka_unit_test(test_buckets),  cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_samples),  cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_numbers),
    };

    return RUN_TESTS("metrics", tests);
}
