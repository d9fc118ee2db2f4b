/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What users may have: the counts with the segments, the quotas, and how refusals are told. */
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report_limit.h"
#include "fault.h"
#include "owner.h"
#include "quota.h"
#include "range.h"

/* Of nobody: neither root nor who runs the tests. */
#define ALICE (geteuid() + 71001)
#define BOB (geteuid() + 71002)

static void test_owners(void **state)
{
    struct owner_tree owners = { 0 };

    assert_int_equal(owner_add(&owners, 7, 3), 0);
    assert_int_equal(owner_add(&owners, 0, 1), 0);
    assert_int_equal(owner_add(&owners, UINT32_MAX, 2), 0);
    assert_int_equal(owner_add(&owners, 7, 4), 0);
    assert_int_equal(owner_find(&owners, 7).segments, 2);
    assert_int_equal(owner_find(&owners, 7).pages, 7);
    assert_int_equal(owner_find(&owners, UINT32_MAX).pages, 2);
    assert_int_equal(owner_find(&owners, 8).segments, 0);
    assert_int_equal(owner_find(&owners, 8).uid, 8);
    owner_remove(&owners, 7, 3);
    assert_int_equal(owner_find(&owners, 7).segments, 1);
    assert_int_equal(owner_find(&owners, 7).pages, 4);
    owner_remove(&owners, 7, 4);
    owner_remove(&owners, 0, 1);
    assert_int_equal(owner_find(&owners, 7).segments, 0);
    owners_clear(&owners);
    assert_int_equal(owner_find(&owners, UINT32_MAX).segments, 0);
}

static void test_no_memory(void **state)
{
    struct owner_tree owners = { 0 };

    fault_after(0);
    assert_true(owner_add(&owners, 7, 3) < 0);
    assert_true(fault_end());
    assert_int_equal(owner_find(&owners, 7).segments, 0);
    owners_clear(&owners);
}

static int check_segment(const struct quotas *quotas, uint32_t uid, size_t has, uint64_t has_pages,
                         uint64_t pages)
{
    struct error error = { 0 };
    int r = quota_check_segment(quotas, &(struct owner){ uid, has, has_pages }, pages, &error);

    assert_int_equal(r, error.code);
    assert_true(r == 0 || r == XENSHM_QUOTA_EXCEEDED);
    assert_true(r == 0 || strstr(error.hint, "[quotas]"));
    return r;
}

static void test_segments(void **state)
{
    const struct quotas number = { .segments = 2 }, memory = { .memory = 10 * PAGE_SIZE + 1 };
    const struct quotas none = { 0 };

    assert_int_equal(check_segment(&number, ALICE, 1, 1000, 1000), 0);
    assert_true(check_segment(&number, ALICE, 2, 0, 1));
    assert_true(check_segment(&number, ALICE, 3, 0, 1));
    assert_int_equal(check_segment(&memory, ALICE, 1000, 4, 6), 0);
    assert_true(check_segment(&memory, ALICE, 1000, 4, 7));
    /* A quota that was lowered; sizes whose sum would be small. */
    assert_true(check_segment(&memory, ALICE, 1, 11, 1));
    assert_true(check_segment(&memory, ALICE, 1, 4, UINT64_MAX));
    assert_true(check_segment(&memory, ALICE, 1, 4, UINT64_MAX - 3));
    assert_int_equal(check_segment(&none, ALICE, SIZE_MAX, UINT64_MAX, UINT64_MAX), 0);
}

static void test_exempt(void **state)
{
    const struct quotas quotas = { 1, 1, PAGE_SIZE, 1 };
    const uint32_t exempt[] = { 0, geteuid() };
    struct error error = { 0 };

    for (size_t i = 0; i < ELEMENTS(exempt); i++) {
        assert_int_equal(check_segment(&quotas, exempt[i], 9, 9, 9), 0);
        assert_int_equal(quota_check_request(&quotas, exempt[i], 9, &error), 0);
        assert_int_equal(quota_check_connection(&quotas, exempt[i], 9, 10, &error), 0);
    }
    assert_int_equal(quota_check_request(&quotas, BOB, 0, &error), 0);
    assert_int_equal(quota_check_request(&quotas, BOB, 1, &error), XENSHM_QUOTA_EXCEEDED);
}

/* How many connections one user gets. */
static size_t connections_of_one(uint64_t quota, uint64_t limit)
{
    const struct quotas quotas = { .connections = quota };
    struct error error = { 0 };
    size_t count = 0;

    while (count < 10000 && quota_check_connection(&quotas, ALICE, count, limit, &error) == 0)
        count++;
    return count;
}

static void test_connections(void **state)
{
    assert_int_equal(connections_of_one(256, 1024), 256);
    assert_int_equal(connections_of_one(1000, 1024), 768);
    assert_int_equal(connections_of_one(256, 8), 6);
    assert_int_equal(connections_of_one(256, 1), 1);
    assert_int_equal(connections_of_one(0, 8), 10000);
}

/* Refusals of one user at that moment: how many are told? */
static size_t tell(struct report_limit *limit, uint32_t uid, uint64_t now, size_t count)
{
    size_t told = 0;

    while (count-- > 0)
        told += report_limit_take(limit, uid, now);
    return told;
}

static void test_refusals(void **state)
{
    static struct report_limit limit;
    struct report_user user;

    assert_int_equal(tell(&limit, ALICE, 1000, REPORT_MOST + 5), REPORT_MOST);
    assert_int_equal(tell(&limit, BOB, 1000, 3), 3);
    assert_int_equal(tell(&limit, ALICE, 1000 + REPORT_SPAN - 1, 2), 0);
    assert_false(report_limit_next(&limit, 1000 + REPORT_SPAN - 1, &user));
    assert_true(report_limit_next(&limit, 1000 + REPORT_SPAN, &user));
    assert_int_equal(user.uid, ALICE);
    assert_int_equal(user.left_out, 7);
    assert_false(report_limit_next(&limit, UINT64_MAX, &user));
    assert_int_equal(tell(&limit, ALICE, 1000 + REPORT_SPAN, 1), 1);
    /* A span that is over with nothing left out. */
    assert_int_equal(tell(&limit, BOB, 1000 + REPORT_SPAN, REPORT_MOST), REPORT_MOST);
}

/* More users than there are places: bounded, and nothing is forgotten. */
static void test_many_users(void **state)
{
    static struct report_limit limit;
    const uint32_t users = 10 * REPORT_USERS, each = REPORT_MOST + 1;
    struct report_user user;
    uint64_t told = 0, left_out = 0, others = 0;

    for (uint32_t uid = 0; uid < users; uid++)
        told += tell(&limit, uid, 1, each);
    assert_int_equal(told, (REPORT_USERS + 1) * REPORT_MOST);
    while (report_limit_next(&limit, UINT64_MAX, &user)) {
        left_out += user.left_out;
        others += user.uid == REPORT_OTHERS ? user.left_out : 0;
    }
    assert_int_equal(told + left_out, (uint64_t)users * each);
    assert_int_equal(left_out - others, REPORT_USERS);
    /* All places are free again. */
    assert_int_equal(tell(&limit, 5, 2 + REPORT_SPAN, each), REPORT_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owners),      cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_segments),    cmocka_unit_test(test_exempt),
        cmocka_unit_test(test_connections), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_many_users),
    };

    return RUN_TESTS("quota", tests);
}
