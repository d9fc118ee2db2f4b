/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guest addresses: where an attachment may stand in a guest's physical address space.
 *
 * Xen checks nothing here: a mapping over guest RAM silently replaces it, one over the interrupt
 * controller hangs the guest. So an address is allowed only where the guest physical memory layout
 * (xen/include/public/arch-arm.h, the same from Xen 4.17 to master) leaves it free *and* nothing
 * that we know of this guest stands there. Pure: no I/O, no logging, no globals.
 */
#pragma once

#include <stddef.h>

#include "range.h"

/* What decides about addresses in one guest. Owned by the caller, only read here. */
struct window_guest {
    uint64_t maxmem_kib; /* RAM is laid out by the maximum at the time the guest was built,
                            not by its size; 0: unknown, both banks count as RAM */
    bool has_vpci;       /* virtual PCI: its windows are taken */
    const struct gfn_range *taken; /* the guest's own iomem and its other attachments, any order */
    size_t taken_count;
};

/* Refusals; each has one stable error name in the protocol. */
enum {
    WINDOW_E_RAM = 1,  /* ADDRESS_IS_RAM: the guest has RAM there (by maxmem) */
    WINDOW_E_RESERVED, /* ADDRESS_RESERVED: a device or reserved range of the guest's platform, or
                          beyond the guest's physical addresses */
    WINDOW_E_IN_USE,   /* ADDRESS_IN_USE: overlaps an entry of `taken` */
};

/* Where a refused address clashes: for the error message. */
struct window_clash {
    struct gfn_range range; /* the occupied range, whole */
    const char *what;       /* static text: "guest RAM", "the interrupt controller", ... */
};

/*
 * May `frames` be mapped into this guest? Of several clashes RAM is reported before reserved ranges
 * and these before entries of `taken`, each time the one at the lowest address. A range that is not
 * valid is refused as reserved.
 * Returns 0 or a refusal with *ret_clash filled (ret_clash may be NULL).
 */
int window_check(const struct window_guest *guest, struct gfn_range frames,
                 struct window_clash *ret_clash);

/*
 * True when a page of `frames` lies in what Xen before 4.21 offers to the guest as extended
 * regions (from the first 2 MiB boundary behind the RAM to the end of each RAM bank, unless that is
 * less than 64 MiB), where its Linux may put grant and foreign mappings: allowed, but worth a
 * warning.
 */
bool window_in_extended_region(const struct window_guest *guest, struct gfn_range frames);

/*
 * Gives each pool its own place in the window, so that a segment's default guest address is
 * place + (mfn - pool_base): the same in every guest and after every reboot.
 * `pools` are `count` pools in ascending host address order. Places already set (configured:
 * place.v != 0) are kept and avoided by the others. Each other pool gets the first 2 MiB boundary
 * of the low window (0x3a000000, 96 MiB) from which it fits whole, else of the high one
 * (0x100000000, 4 GiB), else place.v stays 0: no default address, callers must give one.
 */
struct window_pool {
    struct mfn_range frames; /* in */
    gfn_t place;             /* in/out */
};
void window_place_pools(struct window_pool *pools, size_t count);
