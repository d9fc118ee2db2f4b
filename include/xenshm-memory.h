/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Touching the bytes of a segment, from Dom0 (xenshm_map() of xenshm.h) or from a guest (its
 * /dev/uioN, or a driver of its own). A header alone: no library is needed. C99, C11 and C++.
 *
 * On Arm what UIO maps is *Device memory*, on both sides, whatever the guest asks for. There only
 * naturally aligned loads and stores of 1, 2, 4 or 8 bytes are sure to work. The functions below
 * do nothing else, one instruction each, which the compiler cannot merge, split, leave out or turn
 * into something else. So on this memory do not:
 *
 *  - call memset(), memcpy(), memcmp() or string functions, or copy structs by assignment: the C
 *    library uses unaligned accesses, pairs of vector registers and `DC ZVA`, and the compiler may
 *    turn such a copy into any of them. They fault (SIGBUS), on real boards at least; an emulator
 *    may let them pass;
 *  - use plain or volatile pointers to it for more than single aligned words: loops over them may
 *    be made into vector code, plain accesses may be merged, repeated or left out;
 *  - access anything that is not aligned to its own size, or is longer than 8 bytes;
 *  - use atomic read-modify-write: _Atomic, std::atomic, __sync and __atomic builtins, mutexes,
 *    futexes. Exclusives (LDXR/STXR) and LSE atomics are not defined on Device memory. What both
 *    sides can rely on is that an aligned word is written as a whole: give each word one writer;
 *  - give pointers to it to system calls (read() into it, write() from it), which copy as the
 *    kernel copies; copy to a buffer of your own first;
 *  - trust it. The other side may change it at any time: copy what you need once, then check the
 *    copy and use only that.
 *
 * Order. A load is an acquire: what this thread does to memory after it, is done after it. A store
 * is a release: what this thread did before it, is visible before it. So one side fills a buffer
 * (xenshm_copy_in()) and then stores a flag; the other loads the flag and, when it is set, reads
 * the buffer (xenshm_copy_out()) and sees all of it. A store and a later load may pass each other,
 * unless xenshm_barrier() stands between them. Copies and fills have no order of their own, and are
 * not atomic as a whole: the other side may see any part of them.
 *
 * The barriers are those for outer shareable memory (`dmb osh`), since Device memory always is
 * that: those for inner shareable memory, which compilers make of acquire, release and fences
 * (`dmb ish`), need not order it. `dmb oshld` after a load orders it before every later access, as
 * Linux's dma_rmb() does for loads; before a store it takes the full `dmb osh`, since dma_wmb()'s
 * `dmb oshst` does not order earlier loads (a reader that gives a buffer back by a store).
 *
 * On x86 (the simulator), where loads and stores are acquire and release already, these are
 * volatile accesses that the compiler moves nothing across. Elsewhere they are volatile accesses
 * with the compiler's fences. Words of 8 bytes exist on 64-bit machines only: a 32-bit one would
 * need two accesses, between which the other side could see half a value.
 */
#ifndef XENSHM_MEMORY_H
#define XENSHM_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if UINTPTR_MAX > 0xffffffffu
#define XENSHM_WORD_64 1
#endif

/* ---- for this file only: one access without order, and the barriers */

/* The register class by its letter: %w0 is the lower half of a 64-bit register, %0 all of it. */
#if defined(__aarch64__)
#define XENSHM_LOAD_ASM_(bits, suffix, register)                                                   \
    __asm__ __volatile__("ldr" suffix " %" register "0, [%1]"                                      \
                         : "=r"(value)                                                             \
                         : "r"(address)                                                            \
                         : "memory")
#define XENSHM_STORE_ASM_(bits, suffix, register)                                                  \
    __asm__ __volatile__("str" suffix " %" register "0, [%1]"                                      \
                         :                                                                         \
                         : "r"(value), "r"(address)                                                \
                         : "memory")
#define XENSHM_ACQUIRE_() __asm__ __volatile__("dmb oshld" ::: "memory")
#define XENSHM_RELEASE_() __asm__ __volatile__("dmb osh" ::: "memory")
#define XENSHM_FULL_() __asm__ __volatile__("dmb osh" ::: "memory")

#elif defined(__arm__) && defined(__ARM_ARCH) && __ARM_ARCH >= 7
/* ARMv7 has no barrier for loads alone. */
#define XENSHM_LOAD_ASM_(bits, suffix, register)                                                   \
    __asm__ __volatile__("ldr" suffix " %0, [%1]" : "=r"(value) : "r"(address) : "memory")
#define XENSHM_STORE_ASM_(bits, suffix, register)                                                  \
    __asm__ __volatile__("str" suffix " %0, [%1]" : : "r"(value), "r"(address) : "memory")
#define XENSHM_ACQUIRE_() __asm__ __volatile__("dmb osh" ::: "memory")
#define XENSHM_RELEASE_() __asm__ __volatile__("dmb osh" ::: "memory")
#define XENSHM_FULL_() __asm__ __volatile__("dmb osh" ::: "memory")

#else
#define XENSHM_LOAD_ASM_(bits, suffix, register) value = *(const volatile uint##bits##_t *)address
#define XENSHM_STORE_ASM_(bits, suffix, register) *(volatile uint##bits##_t *)address = value
#if defined(__x86_64__) || defined(__i386__)
#define XENSHM_ACQUIRE_() __asm__ __volatile__("" ::: "memory")
#define XENSHM_RELEASE_() __asm__ __volatile__("" ::: "memory")
#else
#define XENSHM_ACQUIRE_() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define XENSHM_RELEASE_() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif
#define XENSHM_FULL_() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

#define XENSHM_ACCESS_(bits, suffix, register)                                                     \
    static inline uint##bits##_t xenshm_load##bits##_(const volatile void *address)                \
    {                                                                                              \
        uint##bits##_t value;                                                                      \
                                                                                                   \
        XENSHM_LOAD_ASM_(bits, suffix, register);                                                  \
        return value;                                                                              \
    }                                                                                              \
    static inline void xenshm_store##bits##_(volatile void *address, uint##bits##_t value)         \
    {                                                                                              \
        XENSHM_STORE_ASM_(bits, suffix, register);                                                 \
    }

XENSHM_ACCESS_(8, "b", "w")
XENSHM_ACCESS_(16, "h", "w")
XENSHM_ACCESS_(32, "", "w")
#ifdef XENSHM_WORD_64
XENSHM_ACCESS_(64, "", "")
typedef uint64_t xenshm_word_;
#define XENSHM_LOAD_WORD_ xenshm_load64_
#define XENSHM_STORE_WORD_ xenshm_store64_
#else
typedef uint32_t xenshm_word_;
#define XENSHM_LOAD_WORD_ xenshm_load32_
#define XENSHM_STORE_WORD_ xenshm_store32_
#endif

#undef XENSHM_ACCESS_
#undef XENSHM_LOAD_ASM_
#undef XENSHM_STORE_ASM_

/* A word of the caller's own memory, which need not be aligned. */
struct xenshm_unaligned_ {
    xenshm_word_ word;
} __attribute__((__packed__, __may_alias__));

/* Bytes from the address to the next one that is aligned to a word, `size` at most. */
static inline size_t xenshm_head_(const volatile void *address, size_t size)
{
    size_t head = (size_t)(-(uintptr_t)address & (sizeof(xenshm_word_) - 1));

    return head < size ? head : size;
}

/* ---- one access */

/* Loads, each an acquire. `address` is aligned to the size of what is loaded. */
static inline uint8_t xenshm_load8(const volatile void *address)
{
    uint8_t value = xenshm_load8_(address);

    XENSHM_ACQUIRE_();
    return value;
}

static inline uint16_t xenshm_load16(const volatile void *address)
{
    uint16_t value = xenshm_load16_(address);

    XENSHM_ACQUIRE_();
    return value;
}

static inline uint32_t xenshm_load32(const volatile void *address)
{
    uint32_t value = xenshm_load32_(address);

    XENSHM_ACQUIRE_();
    return value;
}

/* Stores, each a release. `address` is aligned to the size of what is stored. */
static inline void xenshm_store8(volatile void *address, uint8_t value)
{
    XENSHM_RELEASE_();
    xenshm_store8_(address, value);
}

static inline void xenshm_store16(volatile void *address, uint16_t value)
{
    XENSHM_RELEASE_();
    xenshm_store16_(address, value);
}

static inline void xenshm_store32(volatile void *address, uint32_t value)
{
    XENSHM_RELEASE_();
    xenshm_store32_(address, value);
}

#ifdef XENSHM_WORD_64
/* The same for 8 bytes, on 64-bit machines only. */
static inline uint64_t xenshm_load64(const volatile void *address)
{
    uint64_t value = xenshm_load64_(address);

    XENSHM_ACQUIRE_();
    return value;
}

static inline void xenshm_store64(volatile void *address, uint64_t value)
{
    XENSHM_RELEASE_();
    xenshm_store64_(address, value);
}
#endif

/* Everything before it is done before everything after it, a store before a later load as well. */
static inline void xenshm_barrier(void)
{
    XENSHM_FULL_();
}

/* ---- many bytes: any address, any size, 0 included; the two must not overlap */

/* Copies `size` bytes of the caller's own memory into the segment. */
static inline void xenshm_copy_in(volatile void *to, const void *from, size_t size)
{
    volatile unsigned char *target = (volatile unsigned char *)to;
    const unsigned char *source = (const unsigned char *)from;
    size_t head = xenshm_head_(target, size);

    for (size -= head; head > 0; head--)
        xenshm_store8_(target++, *source++);
    for (; size >= sizeof(xenshm_word_); size -= sizeof(xenshm_word_)) {
        XENSHM_STORE_WORD_(target, ((const struct xenshm_unaligned_ *)source)->word);
        target += sizeof(xenshm_word_);
        source += sizeof(xenshm_word_);
    }
    for (; size > 0; size--)
        xenshm_store8_(target++, *source++);
}

/* Copies `size` bytes of the segment into the caller's own memory. */
static inline void xenshm_copy_out(void *to, const volatile void *from, size_t size)
{
    unsigned char *target = (unsigned char *)to;
    const volatile unsigned char *source = (const volatile unsigned char *)from;
    size_t head = xenshm_head_(source, size);

    for (size -= head; head > 0; head--)
        *target++ = xenshm_load8_(source++);
    for (; size >= sizeof(xenshm_word_); size -= sizeof(xenshm_word_)) {
        ((struct xenshm_unaligned_ *)target)->word = XENSHM_LOAD_WORD_(source);
        target += sizeof(xenshm_word_);
        source += sizeof(xenshm_word_);
    }
    for (; size > 0; size--)
        *target++ = xenshm_load8_(source++);
}

/* Sets `size` bytes of the segment to `byte`. */
static inline void xenshm_fill(volatile void *to, unsigned char byte, size_t size)
{
    volatile unsigned char *target = (volatile unsigned char *)to;
    xenshm_word_ word = (xenshm_word_)-1 / 0xff * byte;
    size_t head = xenshm_head_(target, size);

    for (size -= head; head > 0; head--)
        xenshm_store8_(target++, byte);
    for (; size >= sizeof(xenshm_word_); size -= sizeof(xenshm_word_)) {
        XENSHM_STORE_WORD_(target, word);
        target += sizeof(xenshm_word_);
    }
    for (; size > 0; size--)
        xenshm_store8_(target++, byte);
}

#undef XENSHM_ACQUIRE_
#undef XENSHM_RELEASE_
#undef XENSHM_FULL_
#undef XENSHM_LOAD_WORD_
#undef XENSHM_STORE_WORD_

#ifdef __cplusplus
}
#endif

#endif
