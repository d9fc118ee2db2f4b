/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking back what nobody asks for any more. One thread. */
#pragma once

#include "operation.h"

/*
 * Takes an attachment away whose guest is dead, or whose attaching or detaching was interrupted or
 * failed. Submits the operation and marks the attachment busy. Returns 0 or -ENOMEM.
 */
int operation_reclaim(struct state *state, struct attachment *attachment);
