/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ring with accessors that let the other side act before each single access, restart it there,
 * or end this side there and start it again. So the order of accesses is tried, not hoped for.
 */
#define XENSHM_MEMORY_H /* the accessors below in its place */

#include "shared.h"

#include <setjmp.h>

#define BYTES RING_BYTES_MIN
#define STEPS 60000

static struct {
    struct party party[2];
    volatile uint8_t *memory;
    uint64_t random;
    jmp_buf end_of_life;
    bool hooked;
    enum ring_side acting;
    unsigned restarts, deaths;
} world;

static void before_access(void);

static uint32_t xenshm_load32(const volatile void *address)
{
    before_access();
    return *(const volatile uint32_t *)address;
}

static void xenshm_store32(volatile void *address, uint32_t value)
{
    before_access();
    *(volatile uint32_t *)address = value;
}

static void xenshm_copy_in(volatile void *to, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (i % 8 == 0)
            before_access();
        ((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    }
}

static void xenshm_copy_out(void *to, const volatile void *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (i % 8 == 0)
            before_access();
        ((uint8_t *)to)[i] = ((const volatile uint8_t *)from)[i];
    }
}

#include "ring.c"

static void begin_party(enum ring_side side)
{
    assert(!ring_init(&world.party[side].ring, world.memory, BYTES, side));
    party_begin(&world.party[side]);
}

static bool chance(unsigned one_in)
{
    return next_random(&world.random) % one_in == 0;
}

static bool act(enum ring_side side)
{
    return chance(2) ? party_send(&world.party[side]) : party_receive(&world.party[side]);
}

/* What the other side does in between is not interrupted itself. */
static void before_access(void)
{
    if (!world.hooked)
        return;
    world.hooked = false;
    if (chance(2000)) {
        world.deaths++;
        longjmp(world.end_of_life, 1);
    }
    if (chance(2000)) {
        world.restarts++;
        begin_party(!world.acting);
    }
    for (unsigned steps = next_random(&world.random) % 4; steps > 0; steps--)
        act(!world.acting);
    world.hooked = true;
}

static void test_each_access(void **state)
{
    int fd = new_memory(BYTES);
    volatile unsigned moved = 0;

    world.memory = view(fd, BYTES);
    world.random = 3;
    begin_party(RING_DOM0);
    begin_party(RING_GUEST);
    for (volatile int step = 0; step < STEPS; step++) {
        world.acting = next_random(&world.random) % 2;
        if (setjmp(world.end_of_life)) {
            begin_party(world.acting);
            continue;
        }
        world.hooked = true;
        moved += act(world.acting);
        world.hooked = false;
    }
    print_message("# %u messages interrupted, %u restarts, %u deaths\n", moved, world.restarts,
                  world.deaths);
    assert_true(moved > STEPS / 10 && world.restarts > 50 && world.deaths > 50);
    drop_view(world.memory, BYTES);
    close(fd);
}

/* A side that is amid its beginning has no words that count. */
static void test_half_begun(void **state)
{
    int fd = new_memory(BYTES);
    volatile uint32_t *words;

    world.memory = view(fd, BYTES);
    words = (volatile uint32_t *)world.memory;
    begin_party(RING_DOM0);
    begin_party(RING_GUEST);
    assert_int_equal(ring_flush(&world.party[RING_DOM0].ring), -EAGAIN);
    assert_int_equal(ring_flush(&world.party[RING_GUEST].ring), 0);
    words[16 + 3]--; /* the guest's session: even */
    assert_int_equal(ring_flush(&world.party[RING_DOM0].ring), -EAGAIN);
    words[16 + 3]++;
    assert_int_equal(ring_flush(&world.party[RING_DOM0].ring), 0);
    drop_view(world.memory, BYTES);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_access),
        cmocka_unit_test(test_half_begun),
    };

    return RUN_TESTS("ring order", tests);
}
