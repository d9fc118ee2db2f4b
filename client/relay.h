/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes in both directions between a socket and a pair of descriptors, with their ends. */
#pragma once

/*
 * Until the socket has ended and all that came from it is written to `output`, or nobody reads
 * `output` any more. The end of `input` is passed on as the end of one direction. The descriptors
 * may be anything and stay as they are. Returns 0 or -errno.
 */
int relay_run(int socket, int input, int output);
