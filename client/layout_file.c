/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "error.h"

/* A hundred times what the daemon's default limit of segments makes. */
#define LAYOUT_MAX (64 * 1024 * 1024)
#define CHUNK (64 * 1024)

static bool is_input(const char *path)
{
    return strcmp(path, "-") == 0;
}

const char *layout_file_name(const char *path)
{
    return is_input(path) ? "standard input" : path;
}

static enum exit_status complain_read(const struct invocation *invocation, const char *path)
{
    complain(invocation, "cannot read '%s': %s", layout_file_name(path), strerror(errno));
    return STATUS_REFUSED;
}

static enum exit_status parse(const struct invocation *invocation, const char *path,
                              const char *text, size_t size, json_t **ret_json)
{
    json_error_t error;

    *ret_json = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (*ret_json)
        return STATUS_DONE;
    complain(invocation, "%s: line %d, column %d: %s (%s)", layout_file_name(path), error.line,
             error.column, error.text, error_name(XENSHM_CONFIG_INVALID));
    return STATUS_REFUSED;
}

/* The text grows with what comes, as a pipe has no size. */
static enum exit_status read_all(const struct invocation *invocation, const char *path, FILE *file,
                                 json_t **ret_json)
{
    _cleanup_(cleanup_free) char *text = NULL;
    size_t size = 0, n;

    do {
        char *longer = realloc(text, size + CHUNK);

        if (!longer)
            return complain_memory(invocation);
        text = longer;
        n = fread(text + size, 1, CHUNK, file);
        size += n;
    } while (n > 0 && size <= LAYOUT_MAX);
    if (ferror(file))
        return complain_read(invocation, path);
    if (size <= LAYOUT_MAX)
        return parse(invocation, path, text, size, ret_json);
    complain(invocation, "%s is longer than %d MiB, which is no layout", layout_file_name(path),
             LAYOUT_MAX / 1024 / 1024);
    return STATUS_REFUSED;
}

enum exit_status layout_file_read(const struct invocation *invocation, const char *path,
                                  json_t **ret_json)
{
    _cleanup_(cleanup_fclose) FILE *file = NULL;

    if (is_input(path))
        return read_all(invocation, path, stdin, ret_json);
    file = fopen(path, "re");
    return file ? read_all(invocation, path, file, ret_json) : complain_read(invocation, path);
}
