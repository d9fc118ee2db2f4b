/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uuid.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "hex.h"

/* A hyphen stands before these bytes. */
static bool hyphen_before(unsigned byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

const char *uuid_format(const uint8_t uuid[static UUID_SIZE], char buffer[static UUID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *p = buffer;

    for (unsigned i = 0; i < UUID_SIZE; i++) {
        if (hyphen_before(i))
            *p++ = '-';
        *p++ = digits[uuid[i] >> 4];
        *p++ = digits[uuid[i] & 15];
    }
    *p = '\0';
    return buffer;
}

int uuid_parse(const char *text, uint8_t ret_uuid[static UUID_SIZE])
{
    uint8_t uuid[UUID_SIZE];

    for (unsigned i = 0; i < UUID_SIZE; i++) {
        int high, low;

        if (hyphen_before(i) && *text++ != '-')
            return -EINVAL;
        high = hex_digit(text[0]);
        low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return -EINVAL;
        uuid[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (*text)
        return -EINVAL;
    memcpy(ret_uuid, uuid, UUID_SIZE);
    return 0;
}
