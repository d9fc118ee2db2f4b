/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text that came from outside, made safe to show. Pure. */
#pragma once

/*
 * Replaces in place every control character, also those that end a line or turn its direction round
 * in Unicode, and every byte that is not part of a well-formed UTF-8 sequence (RFC 3629: no
 * overlong forms, no surrogates, at most U+10FFFF) by '?'. A sequence cut off at the end, as
 * snprintf() leaves it, is removed.
 */
void utf8_make_printable(char *text);
