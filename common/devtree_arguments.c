/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The arguments of Dom0's kernel, cut into words as Linux cuts them (next_arg() in lib/cmdline.c).
 */
#include "devtree_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_spaces(const char *s)
{
    while (*s == ' ' || *s == '\t' || *s == '\n')
        s++;
    return s;
}

/* The end of a word: spaces between double quotes belong to it. */
static const char *word_end(const char *s)
{
    bool quoted = false;

    for (; *s && (quoted || (*s != ' ' && *s != '\t' && *s != '\n')); s++)
        if (*s == '"')
            quoted = !quoted;
    return s;
}

/* The kernel reads '-' and '_' in a parameter's name as the same. */
static bool same_letter(char a, char b)
{
    return a == b || (a == '-' && b == '_') || (a == '_' && b == '-');
}

/* The value in the word from `s` to `end` if it is one of OF_ID, else NULL. */
static const char *value_in(const char *s, const char *end)
{
    const char *name = OF_ID;

    if (s < end && *s == '"')
        s++;
    for (; *name && s < end; name++, s++)
        if (!same_letter(*name, *s))
            return NULL;
    return *name == '\0' && s < end && *s == '=' ? s + 1 : NULL;
}

static void copy_value(const char *s, const char *end,
                       char value[static DEVTREE_COMPATIBLE_MAX + 1])
{
    size_t length;

    if (s < end && *s == '"')
        s++;
    if (end > s && end[-1] == '"')
        end--;
    length = (size_t)(end - s);
    if (length > DEVTREE_COMPATIBLE_MAX)
        length = DEVTREE_COMPATIBLE_MAX;
    memcpy(value, s, length);
    value[length] = '\0';
}

static bool ends_arguments(const char *s, const char *end)
{
    return end - s == 2 && s[0] == '-' && s[1] == '-';
}

bool arguments_of_id(const char *text, char value[static DEVTREE_COMPATIBLE_MAX + 1])
{
    bool found = false;

    for (const char *s = skip_spaces(text), *end; *s; s = skip_spaces(end)) {
        const char *inner;

        end = word_end(s);
        if (ends_arguments(s, end))
            break;
        inner = value_in(s, end);
        if (inner)
            copy_value(inner, end, value);
        found = found || inner;
    }
    return found;
}

char *arguments_with_of_id(const char *text, const char *value)
{
    const char *at = skip_spaces(text), *end, *last = text;
    char *result;
    int r;

    for (; *at; at = skip_spaces(end)) {
        end = word_end(at);
        if (ends_arguments(at, end))
            break;
        last = end;
    }
    /* Up to the end of the last word, ours, and what is left. */
    end = *at ? last : last + strlen(last);
    r = asprintf(&result, "%.*s%s%s=%s%s%s", (int)(end - text), text, end > text ? " " : "", OF_ID,
                 value, *at && *end != ' ' ? " " : "", end);
    return r < 0 ? NULL : result;
}

/*
 * Xen (domain_build.c): the arguments of the kernel's module, else xen,dom0-bootargs, else
 * bootargs.
 */
static bool module_arguments(const void *tree, struct arguments *ret)
{
    struct walk walk;

    for (walk_begin(&walk, tree); walk.node >= 0; walk_next(&walk)) {
        const char *text = text_property(tree, walk.node, "bootargs");

        /* One level below /chosen: deeper ones belong to guests that Xen builds. */
        if (walk.depth != 2 || !walk_is_below(&walk, "chosen") || !text || !*text)
            continue;
        if (fdt_node_check_compatible(tree, walk.node, "multiboot,kernel") != 0 &&
            fdt_node_check_compatible(tree, walk.node, "xen,linux-zimage") != 0)
            continue;
        *ret = (struct arguments){ .text = text, .property = "bootargs" };
        walk_path(&walk, ret->node);
        return true;
    }
    return false;
}

void devtree_dom0_arguments(const void *tree, struct arguments *ret)
{
    int chosen = fdt_subnode_offset(tree, 0, "chosen");

    *ret = (struct arguments){ .property = "xen,dom0-bootargs", .node = "/chosen" };
    if (chosen < 0 || module_arguments(tree, ret))
        return;
    ret->text = text_property(tree, chosen, ret->property);
    if (!ret->text && (ret->text = text_property(tree, chosen, "bootargs")))
        ret->property = "bootargs";
}
