/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <ini.h>

#include "cleanup.h"
#include "config_keys.h"
#include "config_segment.h"
#include "config_value.h"
#include "params.h"
#include "range.h"
#include "xenshm.h"

/*
 * inih gets its lines from read_line(), since by itself it cuts long ones in two, takes an indented
 * one for more of the value before it, cuts the names of sections, and tells the handler no line.
 */
struct reader {
    struct config *config;
    FILE *file;
    char *line; /* getline's */
    size_t room;
    int number;       /* of the line */
    char section[80]; /* that it is in */
    struct error why; /* the first failure */
    int failed_at;    /* its line */
};

int config_init(struct config *config)
{
    *config = (struct config){
        .state_dir = strdup(XENSHM_DEFAULT_STATE_DIR),
        .log_level = LOG_LEVEL_INFO,
        .holder_wait = 5000,
        .restart_grace = 60000,
        .builder_timeout = 300000,
        .overflow_wait = 60000,
        .guest_compatible = strdup("uio-dev"),
        .admin_group = strdup(""),
        .operate_group = strdup(CONFIG_OPERATE_GROUP),
        .read_group = strdup(CONFIG_READ_GROUP),
        .connections = 1024,
        .segments = 4096,
        .attachments = 1024,
        .operations = 128,
        .builders = 4,
        .quotas = { .connections = 256, .segments = 1024, .requests = 64 },
        .event_backlog = 2 * 1024 * 1024,
        .line_memory = 4 * 1024 * 1024,
        .reply_memory = 4 * 1024 * 1024,
        .pool_names = config_split_list("shared_mem*"),
        .pool_compatibles = config_split_list(""),
    };
    if (!config->state_dir || !config->guest_compatible || !config->admin_group ||
        !config->operate_group || !config->read_group || !config->pool_names ||
        !config->pool_compatibles) {
        config_clear(config);
        return -ENOMEM;
    }
    return 0;
}

void config_clear(struct config *config)
{
    free(config->state_dir);
    free(config->socket);
    free(config->builder_socket);
    free(config->guest_compatible);
    free(config->admin_group);
    free(config->operate_group);
    free(config->read_group);
    config_free_list(config->pool_names);
    config_free_list(config->pool_compatibles);
    for (size_t i = 0; i < config->pool_count; i++)
        free(config->pools[i].name);
    free(config->pools);
    config_segments_clear(config);
    free(config->path);
    *config = (struct config){ 0 };
}

/* [pool NAME] guest-address = 0x... */
static int set_pool_key(struct config *config, const char *pool, const char *name,
                        const char *value)
{
    struct config_pool *pools;
    uint64_t address;

    if (strcmp(name, "guest-address") != 0 || params_parse_address(value, &address) < 0 ||
        !page_aligned(address) || address == 0)
        return -EINVAL;
    for (size_t i = 0; i < config->pool_count; i++)
        if (strcmp(config->pools[i].name, pool) == 0) {
            config->pools[i].guest_address = address;
            return 0;
        }
    pools = reallocarray(config->pools, config->pool_count + 1, sizeof(*pools));
    if (!pools)
        return -ENOMEM;
    config->pools = pools;
    pools[config->pool_count] = (struct config_pool){ strdup(pool), address };
    if (!pools[config->pool_count].name)
        return -ENOMEM;
    config->pool_count++;
    return 0;
}

/* The first failure is kept. Returns inih's word for failure. */
static int fail(struct reader *reader, const struct error *why)
{
    if (!reader->why.code) {
        reader->why = *why;
        reader->failed_at = reader->number;
    }
    return 0;
}

static int invalid(struct reader *reader, const char *name, const char *reason)
{
    struct error why = { 0 };

    error_set(&why, XENSHM_CONFIG_INVALID, "%s: %s", name, reason);
    return fail(reader, &why);
}

static const char *why_not(int r)
{
    switch (r) {
    case -ENOENT:
        return "unknown key, or in the wrong section";
    case -ENOMEM:
        return "out of memory";
    default:
        return "not a legal value";
    }
}

/* A key of one of the sections that there are once. */
static int handle_key(struct reader *reader, const char *name, const char *value)
{
    int r = config_keys_set(reader->config, reader->section, name, value);

    return r == 0 ? 1 : invalid(reader, name, why_not(r));
}

static int handle(void *user, const char *cut_section, const char *name, const char *value)
{
    struct reader *reader = user;

    if (strncmp(reader->section, "pool ", 5) == 0) {
        if (set_pool_key(reader->config, reader->section + 5, name, value) < 0)
            return invalid(reader, name, "not a key of a pool, or not a legal value");
        return 1;
    }
    if (config_segment_name(reader->section)) {
        struct error why = { 0 };

        if (config_segment_set(reader->config, name, value, &why) == 0)
            return 1;
        return fail(reader, &why);
    }
    return handle_key(reader, name, value);
}

/*
 * At "[section]": inih tells its handler of keys only. A line that inih is going to refuse, for it
 * has no "]", begins no section, and the keys after it have none.
 */
static void begin_section(struct reader *reader, const char *text)
{
    struct error why = { 0 };
    const char *name;

    reader->section[0] = '\0';
    if (!strchr(text, ']'))
        return;
    snprintf(reader->section, sizeof(reader->section), "%.*s", (int)strcspn(text + 1, "]"),
             text + 1);
    name = config_segment_name(reader->section);
    if (name && config_segment_begin(reader->config, name, reader->number, &why) != 0)
        fail(reader, &why);
}

/* The line without byte order mark and indentation; a comment becomes an empty one. */
static const char *line_start(const struct reader *reader)
{
    const char *text = reader->line;

    if (reader->number == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    text += strspn(text, " \t");
    return *text == ';' || *text == '#' ? "\n" : text;
}

/* An ini_reader: copies the next line, whole. NULL at the end, and after a failure. */
static char *read_line(char *buffer, int size, void *stream)
{
    struct reader *reader = stream;
    const char *text;
    ssize_t length;

    if (reader->why.code)
        return NULL;
    reader->number++;
    length = getline(&reader->line, &reader->room, reader->file);
    if (length < 0) {
        if (!feof(reader->file))
            invalid(reader, "it cannot be read", strerror(errno));
        return NULL;
    }
    text = line_start(reader);
    if (strlen(reader->line) != (size_t)length)
        invalid(reader, "the line", "it has a NUL");
    else if (strlen(text) >= (size_t)size)
        invalid(reader, "the line", "it is too long");
    else if (text[0] == '[')
        begin_section(reader, text);
    return reader->why.code ? NULL : strcpy(buffer, text);
}

/* Reads all of it: returns the line of what inih does not understand, or 0. */
static int parse(struct reader *reader)
{
    int line = ini_parse_stream(read_line, reader, handle, reader);

    free(reader->line);
    /* inih goes on after such a line, so that a failure behind it may have been met too. */
    if (line != 0 && line != reader->failed_at)
        return line;
    if (!reader->why.code)
        config_segment_check(reader->config, &reader->failed_at, &reader->why);
    return 0;
}

int config_read(struct config *config, const char *path, struct error *error)
{
    _cleanup_(cleanup_fclose) FILE *file = fopen(path, "re");
    struct reader reader = { .config = config, .file = file };
    int line;

    if (!file)
        return error_set(error, XENSHM_CONFIG_INVALID, "%s: %s", path, strerror(errno));
    if (config_set_text(&config->path, path) < 0)
        return error_set(error, XENSHM_CONFIG_INVALID, "%s: out of memory", path);
    line = parse(&reader);
    if (line != 0)
        return error_set(error, XENSHM_CONFIG_INVALID, "%s:%d: not a [section] or key = value",
                         path, line);
    if (reader.why.code)
        return error_set(error, XENSHM_CONFIG_INVALID, "%s:%d: %s", path, reader.failed_at,
                         reader.why.message);
    return 0;
}

char *config_socket(const struct config *config)
{
    char *path;

    if (config->socket)
        return strdup(config->socket);
    return asprintf(&path, "%s/xenshmd.sock", config->state_dir) < 0 ? NULL : path;
}

int config_show(const struct config *config, FILE *out)
{
    _cleanup_(cleanup_free) char *socket_path = config_socket(config);
    struct config shown = *config;

    if (!socket_path)
        return -ENOMEM;
    shown.socket = socket_path;
    config_keys_show(&shown, out);
    for (size_t i = 0; i < config->pool_count; i++)
        fprintf(out, "\n[pool %s]\nguest-address = 0x%" PRIx64 "\n", config->pools[i].name,
                config->pools[i].guest_address);
    config_segments_show(config, out);
    return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}
