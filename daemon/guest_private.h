/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of guest share. One thread. */
#pragma once

#include "guest.h"

/* Nobody waits any more for those whose time is over, or who are back. */
void guests_end_waits(struct guests *guests);
