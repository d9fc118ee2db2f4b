/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of guests against the simulated hypervisor: who is alive, known, and meant. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "guest.h"
#include "hypervisor_sim.h"

struct fixture {
    struct hypervisor *hypervisor;
    struct guests guests;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct sim_pool_request pool = { "pool", 256 * PAGE_SIZE };

    assert_int_equal(sim_open(NULL, &pool, 1, &fixture.hypervisor), 0);
    guests_init(&fixture.guests);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    guests_clear(&fixture->guests);
    hypervisor_close(fixture->hypervisor);
    return 0;
}

static uint32_t start(struct fixture *fixture, const char *name, uint8_t uuid)
{
    struct sim_domain domain = {
        .name = name, .uuid = { uuid }, .memory_kib = 1024, .maxmem_kib = 2048, .config_known = true
    };
    uint32_t domid;

    assert_int_equal(sim_start(fixture->hypervisor, &domain, &domid), 0);
    return domid;
}

static struct guest *find(struct fixture *fixture, uint32_t domid, uint8_t uuid)
{
    struct domain_identity identity = { .domid = domid, .uuid = { uuid } };

    return guest_find(&fixture->guests, &identity);
}

static void refresh(struct fixture *fixture)
{
    assert_int_equal(guests_refresh(&fixture->guests, fixture->hypervisor), 0);
}

static void test_life(void **state)
{
    struct fixture *fixture = *state;
    uint32_t domid = start(fixture, "one", 1);
    struct guest *guest;

    assert_null(find(fixture, domid, 1));
    refresh(fixture);
    guest = find(fixture, domid, 1);
    assert_true(guest->alive && guest->config.known && !guest->paused);
    assert_string_equal(guest->name, "one");
    assert_string_equal(guest_state_name(guest), "running");
    assert_null(find(fixture, domid, 2));
    assert_null(find(fixture, domid + 1, 1));
    assert_int_equal(sim_shutdown(fixture->hypervisor, domid, DOMAIN_CRASH), 0);
    refresh(fixture);
    assert_true(guest->alive);
    assert_string_equal(guest_state_name(guest), "crashed");
    assert_int_equal(sim_destroy(fixture->hypervisor, domid), 0);
    refresh(fixture);
    assert_false(guest->alive);
    assert_string_equal(guest_state_name(guest), "dying");
    guests_reap(&fixture->guests);
    assert_null(find(fixture, domid, 1));
    assert_int_equal(fixture->guests.count, 0);
}

/* A list that cannot be had is not an empty list. */
static void test_no_list(void **state)
{
    struct fixture *fixture = *state;
    uint32_t domid = start(fixture, "one", 1);
    uint64_t version;

    refresh(fixture);
    version = fixture->guests.holders_version;
    assert_int_equal(sim_fail(fixture->hypervisor, "list", 1, EIO, false), 0);
    assert_int_equal(guests_refresh(&fixture->guests, fixture->hypervisor), -EIO);
    guests_reap(&fixture->guests);
    assert_true(find(fixture, domid, 1)->alive);
    assert_int_equal(fixture->guests.holders_version, version);
}

/* One that waits for its first look is kept while it has attachments, and is not alive before. */
static void test_expected(void **state)
{
    struct fixture *fixture = *state;
    uint32_t domid = start(fixture, "one", 1);
    struct domain_identity here = { .domid = domid, .uuid = { 1 } };
    struct domain_identity gone = { .domid = domid, .uuid = { 9 } };
    struct guest *guest, *dead, *again;

    assert_int_equal(guest_expect(&fixture->guests, &here, &guest), 0);
    assert_int_equal(guest_expect(&fixture->guests, &gone, &dead), 0);
    assert_int_equal(guest_expect(&fixture->guests, &here, &again), 0);
    assert_ptr_equal(guest, again);
    assert_ptr_not_equal(guest, dead);
    assert_false(guest->alive || dead->alive);
    refresh(fixture);
    assert_true(guest->alive && guest->config.known);
    assert_string_equal(guest->name, "one");
    assert_false(dead->alive);
    guests_reap(&fixture->guests);
    assert_null(find(fixture, domid, 9));
    assert_ptr_equal(find(fixture, domid, 1), guest);
}

/* A domid that is used again is another guest. */
static void test_domid_used_again(void **state)
{
    struct fixture *fixture = *state;
    struct sim_domain domain = { .name = "two", .uuid = { 2 }, .config_known = true };
    uint32_t domid = domain.domid = start(fixture, "one", 1);

    refresh(fixture);
    assert_int_equal(sim_destroy(fixture->hypervisor, domid), 0);
    assert_int_equal(sim_start(fixture->hypervisor, &domain, &domid), 0);
    refresh(fixture);
    assert_false(find(fixture, domid, 1)->alive);
    assert_true(find(fixture, domid, 2)->alive);
}

static void test_config_appears(void **state)
{
    struct fixture *fixture = *state;
    struct hypervisor_iomem iomem = { { mfn(0x7ff10), 4 }, gfn(0x7ff10) };
    struct sim_domain domain = { .name = "one", .uuid = { 1 }, .iomem = &iomem, .iomem_count = 1 };
    struct mfn_range page = { mfn(0x7ff13), 1 };
    uint64_t version;
    uint32_t domid;

    assert_int_equal(sim_start(fixture->hypervisor, &domain, &domid), 0);
    refresh(fixture);
    version = fixture->guests.holders_version;
    assert_ptr_equal(guests_unknown_holder(&fixture->guests), find(fixture, domid, 1));
    assert_null(guest_holding(&fixture->guests, page));
    assert_int_equal(sim_reveal_config(fixture->hypervisor, domid), 0);
    /* Failing to read it is no knowledge. */
    assert_int_equal(sim_fail(fixture->hypervisor, "config", 1, EIO, false), 0);
    refresh(fixture);
    assert_non_null(guests_unknown_holder(&fixture->guests));
    refresh(fixture);
    assert_null(guests_unknown_holder(&fixture->guests));
    assert_true(fixture->guests.holders_version != version);
    assert_ptr_equal(guest_holding(&fixture->guests, page), find(fixture, domid, 1));
    /* It holds for the whole life: not read again. */
    version = fixture->guests.holders_version;
    assert_int_equal(sim_fail(fixture->hypervisor, "config", 1, EIO, false), 0);
    refresh(fixture);
    assert_int_equal(sim_faults_pending(fixture->hypervisor), 1);
    assert_int_equal(fixture->guests.holders_version, version);
    assert_int_equal(sim_destroy(fixture->hypervisor, domid), 0);
    refresh(fixture);
    assert_true(fixture->guests.holders_version != version);
    assert_null(guest_holding(&fixture->guests, page));
}

static int resolve(struct fixture *fixture, const char *text, uint32_t domid)
{
    struct error error = { 0 };
    struct guest *guest = NULL;
    int r = guest_resolve(&fixture->guests, fixture->hypervisor, text, &guest, &error);

    assert_int_equal(r, error.code);
    if (r == 0)
        assert_int_equal(guest->identity.domid, domid);
    else
        assert_null(guest);
    return r;
}

static void test_resolve(void **state)
{
    struct fixture *fixture = *state;
    uint32_t one = start(fixture, "one", 1), two = start(fixture, "two", 2), named;
    char text[16];

    refresh(fixture);
    assert_int_equal(resolve(fixture, "one", one), 0);
    assert_int_equal(resolve(fixture, "02000000-0000-0000-0000-000000000000", two), 0);
    snprintf(text, sizeof(text), "%u", two);
    assert_int_equal(resolve(fixture, text, two), 0);
    assert_int_equal(resolve(fixture, "three", 0), XENSHM_GUEST_UNKNOWN);
    assert_int_equal(resolve(fixture, "", 0), XENSHM_GUEST_UNKNOWN);
    assert_int_equal(resolve(fixture, "0", 0), XENSHM_GUEST_UNKNOWN);
    assert_int_equal(resolve(fixture, "Domain-0", 0), XENSHM_GUEST_UNKNOWN);
    assert_int_equal(resolve(fixture, "01", 0), XENSHM_GUEST_UNKNOWN);
    /* A name that looks like a domid means both. */
    snprintf(text, sizeof(text), "%u", one);
    named = start(fixture, text, 3);
    refresh(fixture);
    assert_int_equal(resolve(fixture, text, 0), XENSHM_GUEST_AMBIGUOUS);
    assert_int_equal(sim_destroy(fixture->hypervisor, named), 0);
    refresh(fixture);
    assert_int_equal(resolve(fixture, text, one), 0);
    /* The same UUID twice, as with a preserved domain. */
    named = start(fixture, "copy", 2);
    refresh(fixture);
    assert_int_equal(resolve(fixture, "02000000-0000-0000-0000-000000000000", 0),
                     XENSHM_GUEST_AMBIGUOUS);
    assert_int_equal(resolve(fixture, "copy", named), 0);
}

static void test_window(void **state)
{
    struct fixture *fixture = *state;
    struct hypervisor_iomem iomem = { { mfn(0x7ff10), 4 }, gfn(0x3a100) };
    struct sim_domain domain = { .name = "one",
                                 .uuid = { 1 },
                                 .maxmem_kib = 4096,
                                 .config_known = true,
                                 .has_vpci = true,
                                 .iomem = &iomem,
                                 .iomem_count = 1 };
    struct window_guest window;
    struct gfn_range *taken = NULL;
    uint32_t domid;

    assert_int_equal(sim_start(fixture->hypervisor, &domain, &domid), 0);
    refresh(fixture);
    assert_int_equal(guest_window(&fixture->guests, find(fixture, domid, 1), NULL, &window, &taken),
                     0);
    assert_int_equal(window.maxmem_kib, 4096);
    assert_true(window.has_vpci);
    assert_int_equal(window.taken_count, 1);
    assert_int_equal(taken[0].first.v, 0x3a100);
    assert_int_equal(taken[0].count, 4);
    free(taken);
    fault_after(0);
    assert_int_equal(guest_window(&fixture->guests, find(fixture, domid, 1), NULL, &window, &taken),
                     -ENOMEM);
    assert_true(fault_end());
}

/* Without memory for a new guest the others are as alive as before. */
static void test_out_of_memory(void **state)
{
    struct fixture *fixture = *state;
    uint32_t one = start(fixture, "one", 1), two;

    refresh(fixture);
    two = start(fixture, "two", 2);
    fault_after(0);
    assert_int_equal(guests_refresh(&fixture->guests, fixture->hypervisor), -ENOMEM);
    assert_true(fault_end());
    assert_true(find(fixture, one, 1)->alive);
    assert_null(find(fixture, two, 2));
    refresh(fixture);
    assert_true(find(fixture, two, 2)->alive);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_life),           TEST(test_no_list),
        TEST(test_expected),       TEST(test_domid_used_again),
        TEST(test_config_appears), TEST(test_resolve),
        TEST(test_window),         TEST(test_out_of_memory),
    };

    return RUN_TESTS("guest", tests);
}
