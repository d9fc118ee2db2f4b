/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where an attachment may stand in a guest's physical address space; the rules are in window.h.
 *
 * The layout below is Xen's for guests on Arm (GUEST_* in xen/include/public/arch-arm.h, unchanged
 * from 4.17 to master). It names every address once: what Xen leaves unnamed between its devices
 * is reserved too, unless it has been tried on a running guest.
 */
#include "window.h"

#define MIB(n) (UINT64_C(n) << 20)
#define GIB(n) (UINT64_C(n) << 30)

#define BANK0_BASE GIB(1)
#define BANK0_END GIB(4)
#define BANK1_BASE GIB(8)
#define BANK1_END GIB(1024)

/* libxl aligns extended regions to 2 MiB and leaves out those below 64 MiB. */
#define EXTENDED_ALIGN (MIB(2) >> PAGE_SHIFT)
#define EXTENDED_MIN (MIB(64) >> PAGE_SHIFT)

/* What one table of the guest's P2M maps, so that no two pools share one. */
#define PLACE_ALIGN (MIB(2) >> PAGE_SHIFT)

enum region_kind {
    REGION_FREE,
    REGION_RESERVED,
    REGION_VPCI, /* free when the guest has no virtual PCI */
    REGION_RAM,  /* a RAM bank: what holds no RAM is free */
};

/* Each region ends where the next one begins. */
static const struct region {
    uint64_t base;
    enum region_kind kind;
    const char *what;
} regions[] = {
    { 0, REGION_RESERVED, "an unassigned platform range" },
    { 0x02000000, REGION_RESERVED, "the virtio devices" },
    { 0x02100000, REGION_RESERVED, "an unassigned platform range" },
    { 0x03001000, REGION_RESERVED, "the interrupt controller" },
    { 0x04020000, REGION_FREE, NULL },
    { 0x10000000, REGION_RESERVED, "virtual PCI (configuration space)" },
    { 0x20000000, REGION_RESERVED, "the ACPI tables" },
    { 0x22000000, REGION_RESERVED, "the virtual UART" },
    { 0x22001000, REGION_FREE, NULL },
    { 0x23000000, REGION_RESERVED, "virtual PCI (memory)" },
    { 0x33000000, REGION_FREE, NULL },
    { 0x38000000, REGION_RESERVED, "the grant table" },
    { 0x39000000, REGION_RESERVED, "magic pages (console, xenstore)" },
    { 0x3a000000, REGION_FREE, NULL },
    { BANK0_BASE, REGION_RAM, "guest RAM" },
    { BANK0_END, REGION_VPCI, "virtual PCI (prefetchable memory)" },
    { BANK1_BASE, REGION_RAM, "guest RAM" },
    { BANK1_END, REGION_RESERVED, "outside the guest's physical address space" },
};
#define REGIONS (sizeof(regions) / sizeof(regions[0]))

static struct gfn_range range_between(uint64_t first, uint64_t end)
{
    return (struct gfn_range){ gfn(first), end - first };
}

static struct gfn_range region_frames(const struct region *region)
{
    bool last = region == &regions[REGIONS - 1];

    return range_between(region->base >> PAGE_SHIFT,
                         last ? FRAME_MAX + 1 : region[1].base >> PAGE_SHIFT);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * The part of a bank that holds RAM when the guest has `pages` pages: libxl fills bank 0 first
 * (meminit() in tools/libs/guest/xg_dom_arm.c).
 */
static struct gfn_range bank_ram(const struct region *bank, uint64_t pages)
{
    struct gfn_range frames = region_frames(bank);
    uint64_t before = 0;

    if (bank->base == BANK1_BASE)
        before = min_u64(pages, (BANK0_END - BANK0_BASE) >> PAGE_SHIFT);
    frames.count = min_u64(pages - before, frames.count);
    return frames;
}

/*
 * Pages of RAM, at most. libxl rounds down to whole MiB, but a guest that Xen builds at boot gets
 * every page of its `memory`; so count started pages. Nothing known: everything may be RAM.
 */
static uint64_t ram_pages_max(const struct window_guest *guest)
{
    if (guest->maxmem_kib == 0)
        return UINT64_MAX;
    return guest->maxmem_kib / 4 + (guest->maxmem_kib % 4 != 0);
}

static bool clashes(struct gfn_range frames, struct gfn_range with, const char *what,
                    struct window_clash *ret_clash)
{
    if (!gfn_range_overlaps(frames, with))
        return false;
    if (ret_clash)
        *ret_clash = (struct window_clash){ with, what };
    return true;
}

static bool clashes_with_ram(const struct window_guest *guest, struct gfn_range frames,
                             struct window_clash *ret_clash)
{
    uint64_t pages = ram_pages_max(guest);

    for (size_t i = 0; i < REGIONS; i++)
        if (regions[i].kind == REGION_RAM &&
            clashes(frames, bank_ram(&regions[i], pages), regions[i].what, ret_clash))
            return true;
    return false;
}

static bool clashes_with_reserved(const struct window_guest *guest, struct gfn_range frames,
                                  struct window_clash *ret_clash)
{
    for (size_t i = 0; i < REGIONS; i++) {
        bool reserved = regions[i].kind == REGION_RESERVED ||
                        (regions[i].kind == REGION_VPCI && guest->has_vpci);

        if (reserved && clashes(frames, region_frames(&regions[i]), regions[i].what, ret_clash))
            return true;
    }
    return false;
}

static bool clashes_with_taken(const struct window_guest *guest, struct gfn_range frames,
                               struct window_clash *ret_clash)
{
    const struct gfn_range *lowest = NULL;

    for (size_t i = 0; i < guest->taken_count; i++) {
        const struct gfn_range *taken = &guest->taken[i];

        if (gfn_range_overlaps(frames, *taken) && (!lowest || taken->first.v < lowest->first.v))
            lowest = taken;
    }
    return lowest && clashes(frames, *lowest, "another mapping of the guest", ret_clash);
}

int window_check(const struct window_guest *guest, struct gfn_range frames,
                 struct window_clash *ret_clash)
{
    if (!gfn_range_valid(frames)) {
        if (ret_clash)
            *ret_clash = (struct window_clash){ region_frames(&regions[REGIONS - 1]),
                                                regions[REGIONS - 1].what };
        return WINDOW_E_RESERVED;
    }
    if (clashes_with_ram(guest, frames, ret_clash))
        return WINDOW_E_RAM;
    if (clashes_with_reserved(guest, frames, ret_clash))
        return WINDOW_E_RESERVED;
    if (clashes_with_taken(guest, frames, ret_clash))
        return WINDOW_E_IN_USE;
    return 0;
}

static uint64_t round_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) / align * align;
}

bool window_in_extended_region(const struct window_guest *guest, struct gfn_range frames)
{
    /* Whole MiB, as libxl lays RAM out; see finalize_hypervisor_node() in libxl_arm.c. */
    uint64_t pages = guest->maxmem_kib / 1024 * (MIB(1) >> PAGE_SHIFT);

    for (size_t i = 0; i < REGIONS; i++) {
        struct gfn_range bank = region_frames(&regions[i]), ram, extended;

        if (regions[i].kind != REGION_RAM)
            continue;
        ram = bank_ram(&regions[i], pages);
        extended = range_between(round_up(gfn_range_end(ram), EXTENDED_ALIGN), gfn_range_end(bank));
        if (extended.count >= EXTENDED_MIN && gfn_range_overlaps(frames, extended))
            return true;
    }
    return false;
}

/* A pool that has a place which overlaps `frames`, or NULL. */
static const struct window_pool *find_placed(const struct window_pool *pools, size_t count,
                                             struct gfn_range frames)
{
    for (size_t i = 0; i < count; i++) {
        struct gfn_range placed = { pools[i].place, pools[i].frames.count };

        if (pools[i].place.v != 0 && gfn_range_overlaps(placed, frames))
            return &pools[i];
    }
    return NULL;
}

/* The first boundary in [base, end) from which `pages` pages are free; 0 when there is none. */
static uint64_t find_place(const struct window_pool *pools, size_t count, uint64_t pages,
                           struct gfn_range window)
{
    uint64_t at = window.first.v, end = gfn_range_end(window);

    while (at <= end && pages <= end - at) {
        struct gfn_range frames = { gfn(at), pages };
        const struct window_pool *other = find_placed(pools, count, frames);

        if (!other)
            return at;
        at = round_up(other->place.v + other->frames.count, PLACE_ALIGN);
    }
    return 0;
}

void window_place_pools(struct window_pool *pools, size_t count)
{
    const struct gfn_range low = range_between(0x3a000, BANK0_BASE >> PAGE_SHIFT);
    const struct gfn_range high = range_between(BANK0_END >> PAGE_SHIFT, BANK1_BASE >> PAGE_SHIFT);

    for (size_t i = 0; i < count; i++) {
        uint64_t pages = pools[i].frames.count;

        if (pools[i].place.v != 0)
            continue;
        pools[i].place = gfn(find_place(pools, count, pages, low));
        if (pools[i].place.v == 0)
            pools[i].place = gfn(find_place(pools, count, pages, high));
    }
}
