/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of guest share. One thread. */
#pragma once

#include "guest.h"

/* Its record, if xenshmd has created it; else NULL. */
const struct created *guest_created(const struct guests *guests, const struct guest *guest);

/* Nobody waits any more for those whose time is over, or who are back. */
void guests_end_waits(struct guests *guests);
