/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hex_dump.h"

#include <inttypes.h>
#include <string.h>

void hex_dump_begin(struct hex_dump *dump, FILE *out, uint64_t offset)
{
    *dump = (struct hex_dump){ .out = out, .offset = offset };
}

static void print_row(const struct hex_dump *dump, const unsigned char *bytes, size_t size)
{
    fprintf(dump->out, "%08" PRIx64 " ", dump->offset);
    for (size_t i = 0; i < HEX_DUMP_ROW; i++) {
        if (i < size)
            fprintf(dump->out, " %02x", bytes[i]);
        else
            fputs("   ", dump->out);
        if (i == HEX_DUMP_ROW / 2 - 1)
            putc(' ', dump->out);
    }
    fputs("  |", dump->out);
    for (size_t i = 0; i < size; i++)
        putc(bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '.', dump->out);
    fputs("|\n", dump->out);
}

static void add_row(struct hex_dump *dump, const unsigned char *bytes, size_t size)
{
    bool same = dump->any && size == HEX_DUMP_ROW && memcmp(dump->last, bytes, size) == 0;

    if (!same)
        print_row(dump, bytes, size);
    else if (!dump->repeated)
        fputs("*\n", dump->out);
    dump->repeated = same;
    dump->any = true;
    memcpy(dump->last, bytes, size);
    dump->offset += size;
}

void hex_dump_add(struct hex_dump *dump, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += HEX_DUMP_ROW)
        add_row(dump, bytes + i, size - i < HEX_DUMP_ROW ? size - i : HEX_DUMP_ROW);
}

void hex_dump_end(struct hex_dump *dump)
{
    if (dump->any)
        fprintf(dump->out, "%08" PRIx64 "\n", dump->offset);
}
