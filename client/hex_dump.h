/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes for people, in the form of `hexdump -C`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HEX_DUMP_ROW 16

struct hex_dump {
    FILE *out;
    uint64_t offset;                  /* of the next byte */
    unsigned char last[HEX_DUMP_ROW]; /* the row before */
    bool any;                         /* there was one */
    bool repeated;                    /* the rows since are the same: one `*` stands for them */
};

/* The first byte has this offset. */
void hex_dump_begin(struct hex_dump *dump, FILE *out, uint64_t offset);
/* Whole rows, but for the last call. */
void hex_dump_add(struct hex_dump *dump, const unsigned char *bytes, size_t size);
/* The offset of the end. */
void hex_dump_end(struct hex_dump *dump);
