/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxl's JSON of a domain (libxl_domain_config), as far as the client understands it: which
 * members are paths of this host. Pure apart from memory.
 */
#pragma once

#include <jansson.h>

/*
 * Puts `folder` before each relative path in `config`. Left alone is what libxl looks for in
 * folders of its own (scripts, "firmware", a bootloader without a '/'), what need not be a file
 * (a disk with a script, "nbd:..." for QEMU), and what is in a driver domain. Returns 0 or -ENOMEM.
 */
int guest_config_resolve(json_t *config, const char *folder);
