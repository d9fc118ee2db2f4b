/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One function for each mistake on pool memory that test_object_code.py must notice. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

struct block {
    uint64_t words[512];
};

#define PLANT(name, ...)                                                                           \
    void planted_##name(__VA_ARGS__);                                                              \
    void planted_##name(__VA_ARGS__)

PLANT(memset, void *to, size_t size)
{
    memset(to, 0, size);
}

PLANT(memcpy, void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
}

PLANT(memmove, void *to, const void *from, size_t size)
{
    memmove(to, from, size);
}

PLANT(struct_copy, struct block *to, const struct block *from)
{
    *to = *from;
}

PLANT(outline_atomic, uint32_t *word)
{
    __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
}

PLANT(old_atomic, uint32_t *word)
{
    __sync_bool_compare_and_swap(word, 0, 1);
}

PLANT(acquire, const uint32_t *word, uint32_t *ret_value)
{
    *ret_value = __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

PLANT(release, uint32_t *word)
{
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
}

/* What else compilers, or people, may write; where the compiler is told of all of it. */
#ifdef __ARM_FEATURE_ATOMICS
#define PLANT_ASM(name, text)                                                                      \
    PLANT(name, void *to)                                                                          \
    {                                                                                              \
        __asm__ volatile(text : : "r"(to) : "memory", "x2", "x3", "v0", "v1");                     \
    }

PLANT_ASM(zero_block, "dc zva, %0")
PLANT_ASM(exclusive_load, "ldxr x2, [%0]")
PLANT_ASM(exclusive_store, "stxr w2, x3, [%0]")
PLANT_ASM(exclusive_acquire, "ldaxr w2, [%0]")
PLANT_ASM(exclusive_release, "stlxrb w2, w3, [%0]")
PLANT_ASM(exclusive_pair, "ldxp x2, x3, [%0]")
PLANT_ASM(compare_and_swap, "cas x2, x3, [%0]")
PLANT_ASM(swap, "swpal x2, x3, [%0]")
PLANT_ASM(add, "ldadd x2, x3, [%0]")
PLANT_ASM(store_add, "stadd x2, [%0]")
PLANT_ASM(store_set, "stsetlh w2, [%0]")
PLANT_ASM(load_max, "ldumaxab w2, w3, [%0]")
PLANT_ASM(acquire_weak, "ldapr x2, [%0]")
PLANT_ASM(acquire_unscaled, "ldapur x2, [%0, #8]")
PLANT_ASM(vector, "str q0, [%0]")
PLANT_ASM(vector_load, "ldr q0, [%0]")
PLANT_ASM(vector_pair, "stp q0, q1, [%0]")
PLANT_ASM(double, "str d0, [%0]")
PLANT_ASM(structure, "st1 {v0.16b}, [%0]")
PLANT_ASM(structure_load, "ld1r {v0.4s}, [%0]")
PLANT_ASM(pair, "stp x2, x3, [%0]")
PLANT_ASM(pair_load, "ldp w2, w3, [%0]")
PLANT_ASM(not_temporal, "stnp x2, x3, [%0]")
PLANT_ASM(unaligned, "ldur x2, [%0, #4]")
PLANT_ASM(unaligned_half, "sturh w2, [%0, #1]")
PLANT_ASM(beside, "str x2, [%0, x3]")
#endif
