/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How openings end, and what becomes of their segments then: one that nothing else keeps is freed.
 *
 * A program that hangs up says with that that it has the pages no more. When the connection ends
 * otherwise (the daemon stops, was killed, or cuts a client off) its program may have them still
 * mapped: then it is over with the process. One thread.
 */
#pragma once

#include "opening.h"
#include "state.h"

/*
 * The opener's connection ends, its socket is not closed yet. Changes no segment in this turn: what
 * is over is looked after by a reconcile().
 */
void opener_close(struct opener *opener);

/*
 * Ends the openings that are over: of those that are left, or all of the segment of that name. Of
 * the former as many as a slice of time allows; then it asks for another reconcile().
 */
void closing_apply(struct state *state);
void closing_apply_segment(struct state *state, const char *name);

/* Frees a segment that nothing keeps; what fails is tried again by reconcile(). */
void closing_drop(struct state *state, struct segment *segment);
