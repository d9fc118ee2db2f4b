/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The audit: one line for every change, whoever made it, and for every refusal to make one. It is
 * logged whatever the level of the log is. When the daemon logs to systemd's journal, the line has
 * structured fields (XENSHM_METHOD= and so on); else it goes to stderr. Texts of a caller's are cut
 * and escaped, and nothing else that a caller has sent is told. One thread.
 */
#pragma once

#include <stdint.h>

#include "access.h"
#include "report_limit.h"

struct event;
struct event_base;

struct audit {
    struct report_limit limit;
    struct event_base *base;
    struct event *timer; /* to tell what was left out; NULL: nothing ever was */
};

/* A list of names: as many as fit, and how many more there are. Zeroed is empty. */
struct audit_list {
    char text[480];
    size_t more;
};
void audit_list_add(struct audit_list *list, const char *name);

/* One change. Texts may be anything, and NULL for what is not known. */
struct audit_entry {
    const struct access_peer *peer; /* who asked for it; NULL: the daemon itself */
    const char *method;             /* or, of the daemon's own, the type of the event */
    const char *guest;
    const struct audit_list *segments;
    uint64_t size; /* bytes; 0: not known */
    int code;      /* of its error; 0: done */
};

/* `base`: of the timer. */
void audit_init(struct audit *audit, struct event_base *base);
/* Tells what was left out so far. */
void audit_clear(struct audit *audit);

/* A request has ended. Of refusals only so many of each user are told: report_limit.h. */
void audit_request(struct audit *audit, const struct audit_entry *entry);
/* The daemon has changed something by itself, or (`code`) could not. NULL for what is not known. */
void audit_own(const char *event, const char *guest, const char *segment, uint64_t size, int code);
