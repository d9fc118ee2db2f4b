/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who has to give way when all together keep too much. */
#include "test.h"

#include "budget.h"

static const uint64_t limit = 100;
static const struct access_peer stranger = { .uid = 7, .level = ACCESS_NONE };
static const struct access_peer reader = { .uid = 8, .level = ACCESS_READ };
static const struct access_peer greedy = { .uid = 9, .level = ACCESS_READ };
static const struct access_peer admin = { .uid = 0, .level = ACCESS_ADMIN };

static struct budget_share share_of(const struct access_peer *peer)
{
    return (struct budget_share){ .peer = peer };
}

static void test_room(void **state)
{
    struct budget budget;
    struct budget_share a = share_of(&admin);

    budget_init(&budget, &limit);
    assert_null(budget_loser(&budget));
    budget_set(&budget, &a, 100);
    assert_null(budget_loser(&budget));
    budget_set(&budget, &a, 101);
    assert_ptr_equal(budget_loser(&budget), &a);
    budget_set(&budget, &a, 0);
    assert_int_equal(budget.total, 0);
    assert_null(budget_loser(&budget));
    budget_add(&budget, 1000);
    assert_null(budget_loser(&budget));
    budget_set(&budget, &a, 1);
    assert_ptr_equal(budget_loser(&budget), &a);
    budget_subtract(&budget, 1000);
    assert_null(budget_loser(&budget));
}

static void test_oldest(void **state)
{
    struct budget budget;
    struct budget_share a = share_of(&reader), b = share_of(&reader);

    budget_init(&budget, &limit);
    budget_set(&budget, &a, 10);
    budget_set(&budget, &b, 200);
    assert_ptr_equal(budget_loser(&budget), &a);
    /* To have more does not make it younger, progress does. */
    budget_set(&budget, &a, 20);
    assert_ptr_equal(budget_loser(&budget), &a);
    budget_touch(&budget, &a);
    assert_ptr_equal(budget_loser(&budget), &b);
    budget_set(&budget, &b, 0);
    budget_touch(&budget, &b);
    assert_null(budget_loser(&budget));
}

static void test_least_right(void **state)
{
    struct budget budget;
    struct budget_share a = share_of(&admin), s = share_of(&stranger), r = share_of(&reader);

    budget_init(&budget, &limit);
    budget_set(&budget, &a, 1000);
    budget_set(&budget, &r, 10);
    assert_ptr_equal(budget_loser(&budget), &r);
    budget_set(&budget, &s, 1);
    assert_ptr_equal(budget_loser(&budget), &s);
}

/* One who has little does not lose it to one of the same right who floods. */
static void test_most_of_all(void **state)
{
    struct budget budget;
    struct budget_share modest = share_of(&reader), flood[5];

    budget_init(&budget, &limit);
    budget_set(&budget, &modest, 30);
    for (size_t i = 0; i < 5; i++) {
        flood[i] = share_of(&greedy);
        budget_set(&budget, &flood[i], 20);
    }
    assert_ptr_equal(budget_loser(&budget), &flood[0]);
    budget_set(&budget, &flood[0], 0);
    budget_set(&budget, &flood[1], 10);
    assert_null(budget_loser(&budget));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_oldest),
        cmocka_unit_test(test_least_right),
        cmocka_unit_test(test_most_of_all),
    };

    return RUN_TESTS("budget", tests);
}
