/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UUIDs as text. Pure. */
#pragma once

#include <stdint.h>

#define UUID_SIZE 16
#define UUID_TEXT_SIZE 37 /* 8-4-4-4-12 and the NUL */

const char *uuid_format(const uint8_t uuid[static UUID_SIZE], char buffer[static UUID_TEXT_SIZE]);
/* The form of uuid_format(), either case. Returns 0 or -EINVAL. */
int uuid_parse(const char *text, uint8_t ret_uuid[static UUID_SIZE]);
