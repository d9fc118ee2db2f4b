/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "utf8.h"

#include <stdbool.h>
#include <stddef.h>

/* Length of the sequence that `lead` opens, 0 when it opens none. */
static size_t sequence_length(unsigned char lead)
{
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    if (lead >= 0xf0 && lead <= 0xf4)
        return 4;
    return 0;
}

/*
 * True when `next` may follow `lead`: only the second byte tells overlong forms, surrogates and
 * what is beyond U+10FFFF. Control characters end at U+009F, which terminals obey as they do ESC.
 */
static bool may_follow(unsigned char lead, unsigned char next)
{
    unsigned char low = 0x80, high = 0xbf;

    if (lead == 0xc2 || lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf4)
        high = 0x8f;
    return next >= low && next <= high;
}

/*
 * U+2028 and U+2029 end a line; U+202A to U+202E and U+2066 to U+2069 turn round what stands after
 * them, so that a name could make another line of the whole.
 */
static bool rearranges(const unsigned char *s)
{
    return s[0] == 0xe2 && ((s[1] == 0x80 && s[2] >= 0xa8 && s[2] <= 0xae) ||
                            (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9));
}

/* Bytes of the printable sequence at `s` (0: none); *ret_cut when the text ends inside it. */
static size_t well_formed(const unsigned char *s, bool *ret_cut)
{
    size_t length = sequence_length(s[0]);

    *ret_cut = false;
    for (size_t i = 1; i < length; i++)
        if (!may_follow(i == 1 ? s[0] : 0, s[i])) {
            *ret_cut = s[i] == '\0';
            return 0;
        }
    return length == 3 && rearranges(s) ? 0 : length;
}

void utf8_make_printable(char *text)
{
    unsigned char *s = (unsigned char *)text;
    bool cut;

    while (*s) {
        size_t length;

        if (*s < 0x80) {
            if (*s < 0x20 || *s == 0x7f)
                *s = '?';
            s++;
            continue;
        }
        length = well_formed(s, &cut);
        if (cut) {
            *s = '\0';
            return;
        }
        if (length == 0) {
            *s = '?';
            length = 1;
        }
        s += length;
    }
}
