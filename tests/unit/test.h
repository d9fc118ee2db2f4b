/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every unit test includes first: cmocka, its prerequisites, and TAP output. */
#pragma once

#undef NDEBUG
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* The body of main(): `tests` is an array of struct CMUnitTest. */
#define RUN_TESTS(name, tests)                                                                     \
    (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests_name(name, tests, NULL, NULL))
