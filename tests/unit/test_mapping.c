/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mapping in runs, on the simulated hypervisor: what is mapped when, and after an error. */
#include "test.h"

#include <errno.h>

#include "hypervisor_sim.h"
#include "mapping.h"

#define LONG_TIME 1000000
#define POOL_PAGES 1024
#define FIRST_GFN 0x3a000

struct fixture {
    struct hypervisor *hypervisor;
    struct mfn_range pool;
    uint32_t domid;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct sim_pool_request pool = { "pool", POOL_PAGES * PAGE_SIZE };
    struct sim_domain domain = {
        .name = "guest", .uuid = { 1 }, .memory_kib = 1024, .maxmem_kib = 1024, .config_known = true
    };

    assert_int_equal(sim_open(NULL, &pool, 1, &fixture.hypervisor), 0);
    assert_int_equal(sim_start(fixture.hypervisor, &domain, &fixture.domid), 0);
    fixture.pool = sim_pool(fixture.hypervisor, 0)->frames;
    assert_int_equal(hypervisor_permit(fixture.hypervisor, fixture.domid, fixture.pool), 0);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    hypervisor_close(fixture->hypervisor);
    return 0;
}

static struct mapping begin(struct fixture *fixture, uint64_t pages)
{
    struct mapping mapping;

    mapping_start(&mapping, fixture->hypervisor, fixture->domid, gfn(FIRST_GFN),
                  (struct mfn_range){ fixture->pool.first, pages });
    return mapping;
}

static uint64_t mapped(struct fixture *fixture)
{
    return sim_mapped_pages(fixture->hypervisor, fixture->domid);
}

/* Each page stands where it belongs, `pages` of them. */
static void check_pages(struct fixture *fixture, uint64_t pages)
{
    volatile uint8_t *pool = sim_pool_address(fixture->hypervisor, 0);

    assert_int_equal(mapped(fixture), pages);
    for (uint64_t i = 0; i < pages; i++)
        assert_ptr_equal(
            sim_guest_byte(fixture->hypervisor, fixture->domid, (FIRST_GFN + i) << PAGE_SHIFT),
            pool + i * PAGE_SIZE);
}

static void test_there_and_back(void **state)
{
    static const uint64_t counts[] = { 1, 2, 63, 64, 65, 127, 128, 129, 640, POOL_PAGES };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ELEMENTS(counts); i++) {
        struct mapping mapping = begin(fixture, counts[i]);

        assert_int_equal(mapping_map_slice(&mapping, LONG_TIME), 0);
        check_pages(fixture, counts[i]);
        mapping = begin(fixture, counts[i]);
        assert_int_equal(mapping_unmap_slice(&mapping, LONG_TIME), 0);
        assert_int_equal(mapped(fixture), 0);
        /* Again is the same as once. */
        mapping = begin(fixture, counts[i]);
        assert_int_equal(mapping_unmap_slice(&mapping, LONG_TIME), 0);
    }
}

/* Without time, one run at a time. */
static void test_slices(void **state)
{
    struct fixture *fixture = *state;
    struct mapping mapping = begin(fixture, 200);

    for (uint64_t done = 64; done < 200; done += 64) {
        assert_int_equal(mapping_map_slice(&mapping, 0), MAPPING_MORE);
        check_pages(fixture, done);
    }
    assert_int_equal(mapping_map_slice(&mapping, 0), 0);
    check_pages(fixture, 200);
    mapping = begin(fixture, 200);
    for (uint64_t left = 136; left < 200; left -= 64) {
        assert_int_equal(mapping_unmap_slice(&mapping, 0), MAPPING_MORE);
        assert_int_equal(mapped(fixture), left);
    }
    assert_int_equal(mapping_unmap_slice(&mapping, 0), 0);
    assert_int_equal(mapped(fixture), 0);
}

/* A run that fails is the last one touched, and its error comes back unchanged. */
static void test_errors(void **state)
{
    struct fixture *fixture = *state;

    for (uint64_t run = 1; run <= 4; run++) {
        struct mapping mapping = begin(fixture, 250);

        assert_int_equal(sim_fail(fixture->hypervisor, "map", run, ENOMEM, false), 0);
        assert_int_equal(mapping_map_slice(&mapping, LONG_TIME), -ENOMEM);
        assert_int_equal(sim_faults_pending(fixture->hypervisor), 0);
        check_pages(fixture, (run - 1) * 64);

        mapping = begin(fixture, 250);
        assert_int_equal(sim_fail(fixture->hypervisor, "probe", run, EIO, false), 0);
        assert_int_equal(mapping_map_slice(&mapping, LONG_TIME), -EIO);

        mapping = begin(fixture, 250);
        assert_int_equal(mapping_map_slice(&mapping, LONG_TIME), 0);
        mapping = begin(fixture, 250);
        assert_int_equal(sim_fail(fixture->hypervisor, "unmap", run, EBUSY, false), 0);
        assert_int_equal(mapping_unmap_slice(&mapping, LONG_TIME), -EBUSY);
        assert_int_equal(mapped(fixture), 250 - (run - 1) * 64);
        mapping = begin(fixture, 250);
        assert_int_equal(mapping_unmap_slice(&mapping, LONG_TIME), 0);
        assert_int_equal(mapped(fixture), 0);
    }
}

/* Guest RAM is never mapped over, even where only the last run would meet it. */
static void test_ram(void **state)
{
    struct fixture *fixture = *state;
    struct mapping mapping;

    mapping_start(&mapping, fixture->hypervisor, fixture->domid, gfn(0x40000 - 100),
                  (struct mfn_range){ fixture->pool.first, 101 });
    assert_int_equal(mapping_map_slice(&mapping, LONG_TIME), MAPPING_E_RAM);
    assert_int_equal(mapped(fixture), 64);
}

static void test_permission(void **state)
{
    struct fixture *fixture = *state;
    struct mapping mapping = begin(fixture, 10);

    assert_int_equal(hypervisor_revoke(fixture->hypervisor, fixture->domid,
                                       (struct mfn_range){ mfn(fixture->pool.first.v + 5), 1 }),
                     0);
    assert_int_equal(mapping_map_slice(&mapping, LONG_TIME), -EPERM);
    assert_int_equal(mapped(fixture), 0);
}

static void test_no_domain(void **state)
{
    struct fixture *fixture = *state;
    struct mapping mapping = begin(fixture, 10);

    assert_int_equal(sim_destroy(fixture->hypervisor, fixture->domid), 0);
    assert_int_equal(mapping_map_slice(&mapping, LONG_TIME), -ESRCH);
    assert_int_equal(mapping_unmap_slice(&mapping, LONG_TIME), -ESRCH);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back), TEST(test_slices),    TEST(test_errors), TEST(test_ram),
        TEST(test_permission),     TEST(test_no_domain),
    };

    return RUN_TESTS("mapping", tests);
}
