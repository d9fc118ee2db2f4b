/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The present state as a layout that has nothing to do. */
#pragma once

#include "layout_present.h"

/* What is quarantined is left out. New reference, or NULL without memory. */
json_t *layout_export(const struct present *present);
