/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An event as a line: for people, or as JSON. */
#pragma once

#include "xenshm.h"

/*
 * Prints "12:00:00.123 attachment.attached guest1-0: 4 KiB at 0x3a000000 in guest1" on stdout, in
 * local time; of types that are not known here the object as it is. Returns 0 or -ENOMEM.
 */
int event_line_print(const struct xenshm_event *event);

/* Prints {"seq":7,"type":"...","time":"...","object":...}, as it came. Returns 0 or -ENOMEM. */
int event_line_print_json(const struct xenshm_event *event);
