/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values are counted as the parser would make them, whatever stands in texts. */
#include "test.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "weight.h"

/* `piece` so often, behind `head`. Returns the error's code. */
static int check(const char *head, const char *piece, size_t count)
{
    size_t size = strlen(head) + strlen(piece) * count;
    /* Not one byte behind the line is looked at: so that a sanitizer notices. */
    char *line = malloc(size ? size : 1);
    struct error error = { 0 };
    int r;

    assert(line);
    memcpy(line, head, strlen(head));
    for (size_t i = 0; i < count; i++)
        memcpy(line + strlen(head) + strlen(piece) * i, piece, strlen(piece));
    r = weight_check(line, size, &error);
    assert_int_equal(r, error.code);
    free(line);
    return r;
}

static void test_limit(void **state)
{
    assert_int_equal(check("[1", ",1", WEIGHT_VALUES_MAX - 1), 0);
    assert_int_equal(check("[1", ",1", WEIGHT_VALUES_MAX), XENSHM_TOO_MANY);
    assert_int_equal(check("[[]", ",[]", WEIGHT_VALUES_MAX / 2 - 1), 0);
    assert_int_equal(check("[[]", ",[]", WEIGHT_VALUES_MAX / 2), XENSHM_TOO_MANY);
    assert_int_equal(check("[{}", ",{}", WEIGHT_VALUES_MAX), XENSHM_TOO_MANY);
    assert_int_equal(check("{\"\":1", ",\"\":1", WEIGHT_VALUES_MAX), XENSHM_TOO_MANY);
}

static void test_texts(void **state)
{
    assert_int_equal(check("\"", "[{,", WEIGHT_VALUES_MAX), 0);
    assert_int_equal(check("\"", "\\\"[", WEIGHT_VALUES_MAX), 0);
    assert_int_equal(check("\"", "\\\\", WEIGHT_VALUES_MAX), 0);
    assert_int_equal(check("\"\\\\\"", ",1", WEIGHT_VALUES_MAX + 1), XENSHM_TOO_MANY);
    assert_int_equal(check("[\"\"", ",\"\"", WEIGHT_VALUES_MAX + 1), XENSHM_TOO_MANY);
}

static void test_cut_off(void **state)
{
    assert_int_equal(check("", "", 0), 0);
    assert_int_equal(check("\"", "", 0), 0);
    assert_int_equal(check("\"\\", "", 0), 0);
    assert_int_equal(check("]", "}", 5), 0);
}

/* The parser ends there by itself. */
static void test_deep(void **state)
{
    assert_int_equal(check("", "[", 200000), 0);
    assert_int_equal(check("]]]]", "[1]", WEIGHT_VALUES_MAX + 1), XENSHM_TOO_MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_deep),
    };

    return RUN_TESTS("weight", tests);
}
