/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mistakes that keep shared memory from working, each with what to change. */
#include "devtree_private.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "range.h"

struct checker {
    const void *tree;
    const struct devtree_check *how;
    devtree_finding_fn *found;
    void *context;
    struct arguments arguments; /* of Dom0 */
    char of_id[DEVTREE_COMPATIBLE_MAX + 1];
    bool has_of_id;
    struct objects memory, occupied;
    struct objects pools; /* ranges of the pools looked at so far */
    unsigned pool_count;
};

/* What is wrong comes as the format, after the remedy. */
__attribute__((format(printf, 5, 6))) static void report(const struct checker *checker,
                                                         const char *node, const char *rule,
                                                         const char *remedy, const char *format,
                                                         ...)
{
    char what[ERROR_MESSAGE_MAX];
    va_list ap;

    va_start(ap, format);
    vsnprintf(what, sizeof(what), format, ap);
    va_end(ap);
    checker->found(checker->context, &(struct devtree_finding){ node, rule, what, remedy });
}

/* ---- which nodes are meant */

static bool named_as_pool(const struct checker *checker, const char *name)
{
    char base[DEVTREE_COMPATIBLE_MAX + 1];
    size_t length = base_length(name);

    if (length >= sizeof(base))
        return false;
    memcpy(base, name, length);
    base[length] = '\0';
    return fnmatch(checker->how->name, base, 0) == 0;
}

/*
 * By its compatible string alone, only a node that is in use and has a range: others drive
 * hardware, and Linux does with them what it did before.
 */
static bool compatible_as_pool(const struct checker *checker, int node)
{
    const char *compatible = checker->how->compatible;

    if (!compatible && checker->has_of_id)
        compatible = checker->of_id;
    return compatible && fdt_node_check_compatible(checker->tree, node, compatible) == 0 &&
           node_enabled(checker->tree, node) && fdt_getprop(checker->tree, node, "reg", NULL);
}

static bool is_pool(const struct checker *checker, const struct walk *walk)
{
    const char *name = fdt_get_name(walk->tree, walk->node, NULL);

    return walk->depth > 0 &&
           (named_as_pool(checker, name) || compatible_as_pool(checker, walk->node));
}

/* ---- one pool's node */

static void check_properties(const struct checker *checker, const struct walk *walk,
                             const char *path)
{
    if (walk_is_below(walk, "reserved-memory"))
        report(checker, path, "reserved-memory", "move the node to the top level",
               "lies under /reserved-memory, which Xen does not let Dom0 pass on to guests");
    if (fdt_getprop(checker->tree, walk->node, "xen,passthrough", NULL))
        report(checker, path, "passthrough", "remove the property",
               "has xen,passthrough, which takes the pages away from Dom0");
    if (!node_enabled(checker->tree, walk->node))
        report(checker, path, "status", "set status to \"okay\", or remove the property",
               "is disabled, so Linux makes no device of it");
}

static void check_of_id(const struct checker *checker, const struct walk *walk, const char *path)
{
    const char *compatible = text_property(checker->tree, walk->node, "compatible");

    if (!compatible)
        report(checker, path, "compatible", "give it one, and " OF_ID " the same",
               "has no compatible string, so no driver takes it");
    else if (checker->has_of_id &&
             fdt_node_check_compatible(checker->tree, walk->node, checker->of_id) != 0)
        report(checker, path, "of-id", "make the two the same",
               "is compatible with \"%s\", but " OF_ID " names %s", compatible, checker->of_id);
}

/* A bus without ranges, or with others, has addresses of its own. */
static bool check_bus(const struct checker *checker, const struct walk *walk, const char *path)
{
    for (int depth = 1; depth < walk->depth; depth++) {
        int length = 0;
        const void *ranges = fdt_getprop(walk->tree, walk->path[depth], "ranges", &length);

        if (ranges && length == 0)
            continue;
        if (!ranges && !walk_is_below(walk, "reserved-memory"))
            report(checker, path, "bus", "move the node to the top level",
                   "lies under %s, which has no ranges: its addresses are not the host's",
                   fdt_get_name(walk->tree, walk->path[depth], NULL));
        return false;
    }
    return true;
}

static void check_place(const struct checker *checker, const struct object *range)
{
    uint64_t first = range->span.start, last = span_end(range->span) - 1;
    const struct object *other;

    if (!page_aligned(first) || !page_aligned(range->span.size))
        report(checker, range->what, "alignment", "make address and size multiples of 0x1000",
               "0x%" PRIx64 " bytes at 0x%" PRIx64 " are not whole pages", range->span.size, first);
    other = objects_overlapping(&checker->memory, range->span, -1);
    if (other)
        report(checker, range->what, "memory", "end the memory below it, or split it around it",
               "0x%" PRIx64 " to 0x%" PRIx64 " is still in %s, so Linux uses it", first, last,
               other->what);
    other = objects_overlapping(&checker->occupied, range->span, range->node);
    if (!other)
        other = objects_overlapping(&checker->pools, range->span, -1);
    if (other)
        report(checker, range->what, "overlap", "move one of the two",
               "0x%" PRIx64 " to 0x%" PRIx64 " overlaps %s, 0x%" PRIx64 " to 0x%" PRIx64, first,
               last, other->what, other->span.start, span_end(other->span) - 1);
}

static int check_range(struct checker *checker, const struct object *range, bool host_address,
                       struct error *error)
{
    if (range->span.size == 0) {
        report(checker, range->what, "reg", "give each range a size", "has an empty range");
        return 0;
    }
    if (!host_address)
        return 0;
    check_place(checker, range);
    return objects_add(&checker->pools, range, error);
}

static int check_reg(struct checker *checker, const struct walk *walk, const char *path,
                     struct error *error)
{
    bool host_address = check_bus(checker, walk, path);
    struct cells cells = walk_reg_cells(walk);
    struct object range = { .node = walk->node };
    size_t count, entry = reg_entry_size(cells);
    int length, r = 0;
    const void *reg = fdt_getprop(checker->tree, walk->node, "reg", &length);

    strcpy(range.what, path);
    if (!reg || length == 0 || !cells_readable(cells) || (size_t)length % entry) {
        report(checker, path, "reg", "write reg = <address size>, in the cells of the parent",
               "has %s", reg ? "a reg that is not made of addresses and sizes" : "no reg");
        return 0;
    }
    count = (size_t)length / entry;
    if (count > DEVTREE_MAPS_MAX)
        report(checker, path, "maps", "make several nodes of it",
               "has %zu ranges, of which UIO shows the first %d", count, DEVTREE_MAPS_MAX);
    for (size_t i = 0; r == 0 && i < count; i++) {
        range.span = reg_entry(reg, cells, i);
        r = check_range(checker, &range, host_address, error);
    }
    return r;
}

static int check_pool(struct checker *checker, const struct walk *walk, struct error *error)
{
    char path[PATH_TEXT_MAX];

    checker->pool_count++;
    walk_path(walk, path);
    check_properties(checker, walk, path);
    check_of_id(checker, walk, path);
    return check_reg(checker, walk, path, error);
}

/* ---- the tree as a whole */

static int check_nodes(struct checker *checker, struct error *error)
{
    struct walk walk;
    int r = 0;

    for (walk_begin(&walk, checker->tree); r == 0 && walk.node >= 0; walk_next(&walk))
        if (is_pool(checker, &walk))
            r = check_pool(checker, &walk, error);
    return r;
}

static void check_whole(const struct checker *checker)
{
    if (checker->pool_count == 0)
        report(checker, "/", "no-pool", "`xenshmctl dt reserve` makes one",
               "no node is called %s%s%s", checker->how->name,
               checker->how->compatible ? " or compatible with " : "",
               checker->how->compatible ? checker->how->compatible : "");
    else if (!checker->has_of_id)
        report(checker, checker->arguments.node, "of-id",
               "add " OF_ID "= and the pools' compatible string",
               "Dom0's arguments (%s) have no " OF_ID ", without which the driver takes no node",
               checker->arguments.property);
}

static int collect(struct checker *checker, struct error *error)
{
    int r;

    devtree_dom0_arguments(checker->tree, &checker->arguments);
    checker->has_of_id =
        checker->arguments.text && arguments_of_id(checker->arguments.text, checker->of_id);
    r = devtree_collect_memory(checker->tree, &checker->memory, error);
    return r ? r : devtree_collect_occupied(checker->tree, &checker->occupied, error);
}

int devtree_check(const void *tree, size_t size, const struct devtree_check *how,
                  devtree_finding_fn *found, void *context, unsigned *ret_pools,
                  struct error *error)
{
    struct checker checker = { .tree = tree, .how = how, .found = found, .context = context };
    int r;

    r = devtree_validate(tree, size, error);
    if (r == 0)
        r = collect(&checker, error);
    if (r == 0)
        r = check_nodes(&checker, error);
    if (r == 0) {
        check_whole(&checker);
        *ret_pools = checker.pool_count;
    }
    objects_clear(&checker.memory);
    objects_clear(&checker.occupied);
    objects_clear(&checker.pools);
    return r;
}
