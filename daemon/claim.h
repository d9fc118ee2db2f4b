/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether pages may be given out now, and wiping those that were: what attaching a new segment and
 * allocating a kept one have in common. One thread.
 */
#pragma once

#include "placement.h"
#include "scrub.h"
#include "state.h"

/*
 * After holders_refresh(): refuses when it is not known who holds what, or when there are too
 * many segments. Returns 0, or a refusal in *error: HYPERVISOR_FAILED, HOLDER_UNKNOWN, PAGES_HELD,
 * TOO_MANY.
 */
int claim_allowed(struct state *state, struct error *error);

/*
 * The parts of it: a domain without a configuration may hold any page; a store file that nobody
 * understands may describe any page, at any address of any guest. Both return 0 or a refusal.
 */
int claim_check_holder(const struct guest *holder, struct error *error);
int claim_check_store(struct state *state, struct error *error);

/*
 * A guest that is in the hands of a builder, being created, restarted or destroyed, takes nothing
 * and gives nothing back meanwhile: BUSY. Returns 0 or the refusal.
 */
int claim_check_settled(const struct state *state, const uint8_t uuid[static DOMAIN_UUID_SIZE],
                        struct error *error);

/*
 * May waiting until `deadline` (clock_milliseconds()) help against that refusal? Domains get their
 * configuration, pages of dead guests become free; of these, it sees that they are looked after.
 */
bool claim_may_become_possible(struct state *state, const struct error *error, uint64_t deadline);

/*
 * After holders_refresh(), as long as nobody has the segment yet: refuses with PAGES_HELD when a
 * guest has come meanwhile that has its pages by its own iomem. Returns 0 or the refusal.
 */
int claim_check_clash(struct state *state, const struct segment *segment, struct error *error);

/*
 * After holders_refresh(): refuses to share the segment with one more when somebody else has its
 * pages, or may have. Returns 0 or the refusal, PAGES_HELD.
 */
int claim_check_share(const struct state *state, const struct segment *segment,
                      struct error *error);

/* Wiping the segment's pages, a slice of time at once. Returns true when all are. */
void claim_wipe_start(struct scrub *scrub, const struct segment *segment);
bool claim_wipe_slice(struct scrub *scrub, struct state *state, struct segment *segment);
