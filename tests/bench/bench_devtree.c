/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What reserving a page in a device tree of 100 KiB costs, beside looking once at that tree as a
 * whole, which is the least that can be done with one.
 */
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devtree.h"

#define TREE_SIZE (100 * 1024)
#define ROUNDS 101

static char tree[TREE_SIZE + 4096] __attribute__((aligned(8)));

/* Of the processor, not of the clock: nothing here waits for anything. */
static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void must(int r)
{
    if (r == 0)
        return;
    fprintf(stderr, "bench_devtree: %d\n", r);
    exit(1);
}

static void put_device(unsigned number)
{
    unsigned char reg[16] = { 0 };
    char name[32];

    snprintf(name, sizeof(name), "serial@%x", 0xff000000 + number * 0x1000);
    must(fdt_begin_node(tree, name));
    must(fdt_property_string(tree, "compatible", "cdns,uart-r1p12"));
    must(fdt_property_string(tree, "status", "disabled"));
    must(fdt_property(tree, "reg", reg, sizeof(reg)));
    must(fdt_property_u32(tree, "interrupt-parent", 1));
    must(fdt_end_node(tree));
}

static void make_tree(void)
{
    static const unsigned char memory[16] = { [12] = 0x80 };

    must(fdt_create(tree, sizeof(tree)));
    must(fdt_finish_reservemap(tree));
    must(fdt_begin_node(tree, ""));
    must(fdt_property_u32(tree, "#address-cells", 2));
    must(fdt_property_u32(tree, "#size-cells", 2));
    must(fdt_begin_node(tree, "memory@0"));
    must(fdt_property(tree, "reg", memory, sizeof(memory)));
    must(fdt_end_node(tree));
    must(fdt_begin_node(tree, "axi"));
    must(fdt_property(tree, "ranges", NULL, 0));
    for (unsigned i = 0; fdt_size_dt_struct(tree) < TREE_SIZE - 1024; i++)
        put_device(i);
    must(fdt_end_node(tree));
    must(fdt_end_node(tree));
    must(fdt_finish(tree));
}

static double time_validate(void)
{
    struct error error = { 0 };
    double start = now_us();

    must(devtree_validate(tree, fdt_totalsize(tree), &error));
    return now_us() - start;
}

static double time_reserve(void)
{
    static const struct devtree_reserve wanted = { "shared_mem", "uio-dev", "xen,dom0-bootargs",
                                                   4096,         1,         NULL,
                                                   NULL };
    struct devtree_reservation result;
    struct error error = { 0 };
    double start = now_us();

    must(devtree_reserve(tree, fdt_totalsize(tree), &wanted, &result, &error));
    start = now_us() - start;
    devtree_reservation_clear(&result);
    return start;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_of(double (*measure)(void))
{
    double us[ROUNDS];

    for (int i = 0; i < ROUNDS; i++)
        us[i] = measure();
    qsort(us, ROUNDS, sizeof(us[0]), compare);
    return us[ROUNDS / 2];
}

int main(void)
{
    double validate, reserve;

    make_tree();
    validate = median_of(time_validate);
    reserve = median_of(time_reserve);
    printf("dt reserve in a tree of %u bytes: %.0f us (aim: 20000), looking at all of it: %.0f us, "
           "quotient %.1f\n",
           fdt_totalsize(tree), reserve, validate, reserve / validate);
    return 0;
}
