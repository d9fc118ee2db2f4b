/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guests of layout_present.h, gathered from the daemon's lists. */
#pragma once

#include "layout_present.h"

/* Fills present->guests from its lists. Returns 0 or -ENOMEM. */
int layout_guests_gather(struct present *present);
