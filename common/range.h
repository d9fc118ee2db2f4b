/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Page frame numbers and overflow-checked ranges of them.
 *
 * Host frames (mfn_t) and guest frames (gfn_t) are distinct struct types, as in Xen, so that the
 * compiler refuses to mix them up: a mix-up is a guest's RAM replaced by somebody else's page.
 * Pure: no I/O, no logging, no globals; safe to call from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Xen's unit of mapping on every architecture that it supports. */
#define PAGE_SHIFT 12
#define PAGE_SIZE (UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK (PAGE_SIZE - 1)

/* The largest frame number whose byte address still fits in 64 bits. */
#define FRAME_MAX (UINT64_MAX >> PAGE_SHIFT)

typedef struct {
    uint64_t v;
} mfn_t; /* machine frame number: a page of the host */

typedef struct {
    uint64_t v;
} gfn_t; /* guest frame number: a page in a guest's physical address space */

/* `count` pages from `first` on; count 0 is the empty range. */
struct mfn_range {
    mfn_t first;
    uint64_t count;
};

struct gfn_range {
    gfn_t first;
    uint64_t count;
};

static inline mfn_t mfn(uint64_t v)
{
    return (mfn_t){ v };
}

static inline gfn_t gfn(uint64_t v)
{
    return (gfn_t){ v };
}

/* Byte address of a frame; the frame must be at most FRAME_MAX. */
static inline uint64_t mfn_address(mfn_t f)
{
    return f.v << PAGE_SHIFT;
}

static inline uint64_t gfn_address(gfn_t f)
{
    return f.v << PAGE_SHIFT;
}

static inline uint64_t pages_to_bytes(uint64_t pages)
{
    return pages << PAGE_SHIFT;
}

/* Bytes rounded up to whole pages; never overflows (UINT64_MAX gives FRAME_MAX + 1). */
static inline uint64_t bytes_to_pages(uint64_t bytes)
{
    return (bytes >> PAGE_SHIFT) + ((bytes & PAGE_MASK) != 0);
}

static inline bool page_aligned(uint64_t address)
{
    return (address & PAGE_MASK) == 0;
}

/* True when the range is not empty and every byte of it has a 64-bit address. */
static inline bool frames_valid(uint64_t first, uint64_t count)
{
    return count > 0 && first <= FRAME_MAX && count - 1 <= FRAME_MAX - first;
}

static inline bool mfn_range_valid(struct mfn_range r)
{
    return frames_valid(r.first.v, r.count);
}

static inline bool gfn_range_valid(struct gfn_range r)
{
    return frames_valid(r.first.v, r.count);
}

/* One past the last frame. Only for valid (or empty) ranges. */
static inline uint64_t mfn_range_end(struct mfn_range r)
{
    return r.first.v + r.count;
}

static inline uint64_t gfn_range_end(struct gfn_range r)
{
    return r.first.v + r.count;
}

static inline bool frames_overlap(uint64_t a, uint64_t a_count, uint64_t b, uint64_t b_count)
{
    return a_count > 0 && b_count > 0 && (a <= b ? b - a < a_count : a - b < b_count);
}

/* True when the two ranges share a frame; empty ranges share nothing. Never overflows. */
static inline bool mfn_range_overlaps(struct mfn_range a, struct mfn_range b)
{
    return frames_overlap(a.first.v, a.count, b.first.v, b.count);
}

static inline bool gfn_range_overlaps(struct gfn_range a, struct gfn_range b)
{
    return frames_overlap(a.first.v, a.count, b.first.v, b.count);
}

/* True when every frame of `inner` (not empty) is in `outer`. Never overflows. */
static inline bool mfn_range_contains(struct mfn_range outer, struct mfn_range inner)
{
    return inner.count > 0 && inner.first.v >= outer.first.v && inner.count <= outer.count &&
           inner.first.v - outer.first.v <= outer.count - inner.count;
}

static inline bool gfn_range_contains(struct gfn_range outer, struct gfn_range inner)
{
    return inner.count > 0 && inner.first.v >= outer.first.v && inner.count <= outer.count &&
           inner.first.v - outer.first.v <= outer.count - inner.count;
}

/* The frames that both ranges have; empty (count 0) when there are none. Never overflows. */
static inline struct mfn_range mfn_range_intersect(struct mfn_range a, struct mfn_range b)
{
    struct mfn_range both = { a.first.v > b.first.v ? a.first : b.first, 0 };
    uint64_t a_left, b_left;

    if (!mfn_range_overlaps(a, b))
        return (struct mfn_range){ 0 };
    a_left = a.count - (both.first.v - a.first.v);
    b_left = b.count - (both.first.v - b.first.v);
    both.count = a_left < b_left ? a_left : b_left;
    return both;
}
