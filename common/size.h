/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes as people write them: "4K" <-> bytes. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Refusals of size_parse(). */
enum {
    SIZE_E_SYNTAX = 1, /* not digits with an optional K, M or G */
    SIZE_E_ZERO,
    SIZE_E_RANGE, /* more than SIZE_LIMIT */
};

/* Sizes travel as JSON integers, which are signed 64 bit. */
#define SIZE_LIMIT ((uint64_t)INT64_MAX)

/*
 * Bytes, or a number with K, M or G (either case; powers of 1024), nothing before or after it.
 * Returns 0 with *ret_bytes set, or a refusal.
 */
int size_parse(const char *text, uint64_t *ret_bytes);

#define SIZE_TEXT_MAX 32
/*
 * "4 KiB", "1.5 MiB", "100 bytes": the largest unit that leaves at least 1, at most one decimal,
 * rounded down. Returns `buffer`, which holds SIZE_TEXT_MAX bytes.
 */
const char *size_format(uint64_t bytes, char buffer[static SIZE_TEXT_MAX]);
