/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes: every limit from both sides, and everything that only looks like a size. */
#include "test.h"

#include <string.h>

#include "size.h"

#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

static void assert_size(const char *text, uint64_t expected)
{
    uint64_t bytes = UNTOUCHED;

    assert_int_equal(size_parse(text, &bytes), 0);
    assert_true(bytes == expected);
}

static void assert_refused(const char *text, int refusal)
{
    uint64_t bytes = UNTOUCHED;

    assert_int_equal(size_parse(text, &bytes), refusal);
    assert_true(bytes == UNTOUCHED);
}

static void test_units(void **state)
{
    assert_size("1", 1);
    assert_size("4096", 4096);
    assert_size("4K", 4096);
    assert_size("4k", 4096);
    assert_size("3M", 3 << 20);
    assert_size("3m", 3 << 20);
    assert_size("2G", UINT64_C(2) << 30);
    assert_size("2g", UINT64_C(2) << 30);
    assert_size("0004K", 4096);
}

static void test_largest(void **state)
{
    assert_size("9223372036854775807", INT64_MAX);
    assert_size("9007199254740991K", UINT64_C(9007199254740991) << 10);
    assert_size("8796093022207M", UINT64_C(8796093022207) << 20);
    assert_size("8589934591G", UINT64_C(8589934591) << 30);
}

static void test_too_large(void **state)
{
    assert_refused("9223372036854775808", SIZE_E_RANGE);
    assert_refused("9223372036854775810", SIZE_E_RANGE);
    assert_refused("18446744073709551615", SIZE_E_RANGE);
    assert_refused("18446744073709551616", SIZE_E_RANGE); /* 2^64: not 0 */
    assert_refused("18446744073709551617K", SIZE_E_RANGE);
    assert_refused("9007199254740992K", SIZE_E_RANGE);
    assert_refused("8796093022208M", SIZE_E_RANGE);
    assert_refused("8589934592G", SIZE_E_RANGE);
    assert_refused("17179869184G", SIZE_E_RANGE); /* 2^64 */
    assert_refused("99999999999G", SIZE_E_RANGE);
}

static void test_zero(void **state)
{
    assert_refused("0", SIZE_E_ZERO);
    assert_refused("000", SIZE_E_ZERO);
    assert_refused("0K", SIZE_E_ZERO);
    assert_refused("0G", SIZE_E_ZERO);
}

static void test_syntax(void **state)
{
    static const char *const texts[] = {
        "",         " ",
        "K",        "-1",
        "+1",       "-",
        " 1",       "1 ",
        "1\n",      "4X",
        "4KK",      "4KB",
        "4Ki",      "4 K",
        "1.5K",     "1,5K",
        "0x10",     "1e3",
        "1_000",    "4T",
        "4\t",      "K4",
        "1K1",      "1-",
        "--1",      "nan",
        "inf",      "1\xff",
        "\xd9\xa3", "/1",
        ":1",       "1/",
        "1:",       "999999999999999999999999X",
    };

    for (size_t i = 0; i < ELEMENTS(texts); i++)
        assert_refused(texts[i], SIZE_E_SYNTAX);
}

/* A number of any length neither wraps around nor runs away. */
static void test_very_long(void **state)
{
    char text[512];

    memset(text, '9', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_refused(text, SIZE_E_RANGE);
    text[sizeof(text) - 2] = 'G';
    assert_refused(text, SIZE_E_RANGE);
    text[sizeof(text) - 2] = '!';
    assert_refused(text, SIZE_E_SYNTAX);
    memset(text, '0', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_refused(text, SIZE_E_ZERO);
    text[sizeof(text) - 2] = '7';
    assert_size(text, 7);
}

/* Every byte after a digit: three letters in two cases are units, nothing else is. */
static void test_every_unit_byte(void **state)
{
    for (int c = 1; c < 256; c++) {
        char text[] = { '1', (char)c, '\0' };
        uint64_t bytes = UNTOUCHED;
        int good = (c >= '0' && c <= '9') || strchr("kKmMgG", c);

        assert_int_equal(size_parse(text, &bytes), good ? 0 : SIZE_E_SYNTAX);
    }
}

static void assert_format(uint64_t bytes, const char *expected)
{
    char text[SIZE_TEXT_MAX];

    assert_ptr_equal(size_format(bytes, text), text);
    assert_string_equal(text, expected);
}

static void test_format(void **state)
{
    assert_format(0, "0 bytes");
    assert_format(1, "1 byte");
    assert_format(2, "2 bytes");
    assert_format(1023, "1023 bytes");
    assert_format(1024, "1 KiB");
    assert_format(1025, "1 KiB");
    assert_format(1126, "1 KiB"); /* 1.0996: rounded down */
    assert_format(1127, "1.1 KiB");
    assert_format(1536, "1.5 KiB");
    assert_format(4096, "4 KiB");
    assert_format((1 << 20) - 1, "1023.9 KiB");
    assert_format(1 << 20, "1 MiB");
    assert_format(UINT64_C(1) << 30, "1 GiB");
    assert_format((UINT64_C(1) << 40) - 1, "1023.9 GiB");
    assert_format(UINT64_C(1) << 40, "1 TiB");
    assert_format(UINT64_C(1) << 50, "1 PiB");
    assert_format((UINT64_C(1) << 60) - 1, "1023.9 PiB");
    assert_format(UINT64_C(1) << 60, "1 EiB");
    assert_format(INT64_MAX, "7.9 EiB");
    assert_format(UINT64_MAX, "15.9 EiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),           cmocka_unit_test(test_largest),
        cmocka_unit_test(test_too_large),       cmocka_unit_test(test_zero),
        cmocka_unit_test(test_syntax),          cmocka_unit_test(test_very_long),
        cmocka_unit_test(test_every_unit_byte), cmocka_unit_test(test_format),
    };

    return RUN_TESTS("size", tests);
}
