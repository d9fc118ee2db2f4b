/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that are about a host's own files, devices and programs: with --host the xenshmctl over
 * there carries them out, on our standard input and output.
 */
#pragma once

#include "invocation.h"

/* The command line for the shell over there that leads to xenshmd's socket. NULL: no memory. */
char *remote_proxy_command(const struct invocation *invocation);

/*
 * Carries out this invocation over there. `option` is one more of the command's options, "--hex";
 * NULL: none. It takes `seconds` at most, 0: as long as it wants. Returns the status over there.
 */
enum exit_status remote_run(const struct invocation *invocation, const char *option,
                            unsigned seconds);
