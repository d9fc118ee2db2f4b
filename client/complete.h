/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What may follow in a command line that is being typed, for the completion of the shells.
 *
 * All of it comes from the tables: commands, options, and what their values are called. So a new
 * row is completed without more; a value of a new kind wants a row in complete.c.
 */
#pragma once

#include "invocation.h"

/* A line up to the word that is being typed. */
struct complete_line {
    struct invocation invocation;
    const struct option *open; /* the option before the word, when that is to be its value */
    const char *word;          /* borrowed */
};

/*
 * Offers everything that may stand in place of the word, and begins like it: a line each on stdout,
 * "value<TAB>description". A line without a value names what the shell knows better: "<TAB>files".
 * What only the daemon knows is asked for with the line's own --socket and time limit; without an
 * answer it is left out, after a complaint.
 */
void complete_line(const struct complete_line *line);

/* One line of the above, if it begins like the word and can be typed. */
void complete_offer(const struct complete_line *line, const char *value, const char *description);

/*
 * The values that go by this name in the tables; `owner` is the command, or the option with its
 * dashes, of which it is. A name that is not known is complained of.
 */
void complete_values(const struct complete_line *line, const char *owner, const char *name);

/* ---- from the daemon */

void complete_guests(const struct complete_line *line);
void complete_created_guests(const struct complete_line *line); /* by guest.create */
void complete_segments(const struct complete_line *line);
void complete_segments_of_guest(const struct complete_line *line); /* the first argument's */
void complete_pools(const struct complete_line *line);
void complete_event_types(const struct complete_line *line);
