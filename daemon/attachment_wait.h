/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An attachment whose guest is between two domains. One thread. */
#pragma once

#include "state.h"

/*
 * Its guest is rebooting, or perhaps is: what it had stays reserved, and is persisted so. Should
 * that fail, it is as well kept attached: logged, and to be tried again. Returns whether it waits.
 */
bool attachment_wait(struct state *state, struct attachment *attachment);
