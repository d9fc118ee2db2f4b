/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * utf8_make_printable() against a second reading of RFC 3629: its ABNF, section 4, as a table of
 * byte ranges, compared on every string of one or two bytes and on all limits of longer ones.
 */
#include "test.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

struct byte_range {
    unsigned char low, high;
};

static const struct byte_range forms[][4] = {
    { { 0x20, 0x7e } },                 /* no control characters */
    { { 0xc2, 0xc2 }, { 0xa0, 0xbf } }, /* below U+00A0 are control characters as well */
    { { 0xc3, 0xdf }, { 0x80, 0xbf } },
    { { 0xe0, 0xe0 }, { 0xa0, 0xbf }, { 0x80, 0xbf } },
    { { 0xe1, 0xec }, { 0x80, 0xbf }, { 0x80, 0xbf } },
    { { 0xed, 0xed }, { 0x80, 0x9f }, { 0x80, 0xbf } },
    { { 0xee, 0xef }, { 0x80, 0xbf }, { 0x80, 0xbf } },
    { { 0xf0, 0xf0 }, { 0x90, 0xbf }, { 0x80, 0xbf }, { 0x80, 0xbf } },
    { { 0xf1, 0xf3 }, { 0x80, 0xbf }, { 0x80, 0xbf }, { 0x80, 0xbf } },
    { { 0xf4, 0xf4 }, { 0x80, 0x8f }, { 0x80, 0xbf }, { 0x80, 0xbf } },
};

/* Bytes of `form` at `s`, 0 when it is not there; *ret_cut when the text ends inside it. */
static size_t match(const struct byte_range *form, const unsigned char *s, bool *ret_cut)
{
    size_t i;

    *ret_cut = false;
    for (i = 0; i < 4 && form[i].high; i++)
        if (s[i] < form[i].low || s[i] > form[i].high) {
            *ret_cut = i > 0 && s[i] == '\0';
            return 0;
        }
    return i;
}

static void reference(const unsigned char *s, unsigned char *out)
{
    while (*s) {
        size_t length = 0;
        bool cut = false;

        for (size_t f = 0; f < ELEMENTS(forms) && !length && !cut; f++)
            length = match(forms[f], s, &cut);
        if (cut)
            break;
        if (length == 0) {
            *out++ = '?';
            s++;
        }
        while (length--)
            *out++ = *s++;
    }
    *out = '\0';
}

static void assert_like_reference(const unsigned char *text, size_t length)
{
    unsigned char expected[16];
    char *actual = malloc(length + 1); /* exactly: a sanitizer sees a read past the end */

    assert_non_null(actual);
    memcpy(actual, text, length);
    actual[length] = '\0';
    reference((const unsigned char *)actual, expected);
    utf8_make_printable(actual);
    if (strcmp(actual, (char *)expected) != 0)
        print_error("of %02x %02x %02x %02x\n", text[0], text[1], text[2], text[3]);
    assert_string_equal(actual, (char *)expected);
    free(actual);
}

static void test_one_and_two_bytes(void **state)
{
    for (unsigned v = 0; v < 0x10000; v++) {
        unsigned char text[4] = { (unsigned char)(v >> 8), (unsigned char)v };

        assert_like_reference(text, text[1] ? 2 : 1);
    }
}

/* Each limit in RFC 3629's table, from both sides. */
static const unsigned char edges[] = {
    0x00, 0x1f, 0x20, 'a',  0x7e, 0x7f, 0x80, 0x8f, 0x90, 0x9b, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2,
    0xc3, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xfe, 0xff,
};

#define EDGES (sizeof(edges))

static void test_up_to_four_bytes_of_edges(void **state)
{
    for (size_t v = 0; v < EDGES * EDGES * EDGES * EDGES; v++) {
        unsigned char text[4] = { edges[v % EDGES], edges[v / EDGES % EDGES],
                                  edges[v / EDGES / EDGES % EDGES],
                                  edges[v / EDGES / EDGES / EDGES] };

        assert_like_reference(text, 4);
    }
}

/* Where one sequence ends badly, the next one still counts. */
static void test_sequence_behind_a_broken_one(void **state)
{
    for (size_t v = 0; v < EDGES * EDGES * EDGES; v++) {
        unsigned char text[8] = { edges[v % EDGES],
                                  edges[v / EDGES % EDGES],
                                  edges[v / EDGES / EDGES],
                                  0xe2,
                                  0x82,
                                  0xac,
                                  'z' };

        assert_like_reference(text, 7);
    }
}

static void assert_printable(const char *text, const char *expected)
{
    char copy[64];

    strcpy(copy, text);
    utf8_make_printable(copy);
    assert_string_equal(copy, expected);
}

static void test_every_truncation(void **state)
{
    static const char *const characters[] = { "\u00e9", "\u20ac",     "\ud7ff",     "\ue000",
                                              "\uffff", "\U00010000", "\U0001f600", "\U0010ffff" };

    for (size_t i = 0; i < ELEMENTS(characters); i++)
        for (size_t cut = 1; cut < strlen(characters[i]); cut++) {
            char text[16] = "ab";

            memcpy(text + 2, characters[i], cut);
            text[2 + cut] = '\0';
            assert_printable(text, "ab");
        }
}

static void test_by_hand(void **state)
{
    assert_printable("", "");
    assert_printable("gr\u00fc\u00df dich \u20ac \U0001f600",
                     "gr\u00fc\u00df dich \u20ac \U0001f600");
    assert_printable("a\nb\tc\x7f", "a?b?c?");
    assert_printable("\033[31mred", "?[31mred");
    assert_printable("\xc2\x9b"
                     "31mred", /* CSI as one character: terminals obey it, too */
                     "??31mred");
    assert_printable("\xc0\xaf", "??");           /* overlong '/' */
    assert_printable("\xed\xa0\x80", "???");      /* a surrogate */
    assert_printable("\xf4\x90\x80\x80", "????"); /* above U+10FFFF */
    assert_printable("\xe2\x28\xa1", "?(?");
    assert_printable("\xe0\x80", "??"); /* not cut off: no way to go on from there */
    assert_printable("\xe2\x82\xe2\x82\xac", "??\u20ac");
    assert_printable("a\u2027\u2028b\u2029\u202e\u202f", "a\u2027???b??????\u202f");
    assert_printable("\u2065\u2066\u2069\u206a", "\u2065??????\u206a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_and_two_bytes),
        cmocka_unit_test(test_up_to_four_bytes_of_edges),
        cmocka_unit_test(test_sequence_behind_a_broken_one),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_by_hand),
    };

    return RUN_TESTS("utf8", tests);
}
