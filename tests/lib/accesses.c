/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each accessor of xenshm-memory.h as a function of its own: machine_code.py looks at the code. */
#include "xenshm-memory.h"

/* clang-format off */
#define ACCESS(bits)                                                                               \
    uint##bits##_t check_load##bits(const volatile void *address);                                 \
    uint##bits##_t check_load##bits(const volatile void *address)                                  \
    {                                                                                              \
        return xenshm_load##bits(address);                                                         \
    }                                                                                              \
    void check_store##bits(volatile void *address, uint##bits##_t value);                          \
    void check_store##bits(volatile void *address, uint##bits##_t value)                           \
    {                                                                                              \
        xenshm_store##bits(address, value);                                                        \
    }

ACCESS(8)
ACCESS(16)
ACCESS(32)
#ifdef XENSHM_WORD_64
ACCESS(64)
#endif
/* clang-format on */

void check_barrier(void);
void check_barrier(void)
{
    xenshm_barrier();
}

void check_copy_in(volatile void *to, const void *from, size_t size);
void check_copy_in(volatile void *to, const void *from, size_t size)
{
    xenshm_copy_in(to, from, size);
}

void check_copy_out(void *to, const volatile void *from, size_t size);
void check_copy_out(void *to, const volatile void *from, size_t size)
{
    xenshm_copy_out(to, from, size);
}

void check_fill(volatile void *to, unsigned char byte, size_t size);
void check_fill(volatile void *to, unsigned char byte, size_t size)
{
    xenshm_fill(to, byte, size);
}

/* Sizes that are known invite the compiler to unroll, merge and replace. */
void check_copy_page(volatile void *to, const void *from);
void check_copy_page(volatile void *to, const void *from)
{
    xenshm_copy_in(to, from, 4096);
}

void check_fill_page(volatile void *to);
void check_fill_page(volatile void *to)
{
    xenshm_fill(to, 0, 4096);
}

/* Two loads of one word are two, and neither is left out. */
void check_twice(const volatile void *address);
void check_twice(const volatile void *address)
{
    xenshm_load32(address);
    xenshm_load32(address);
}
