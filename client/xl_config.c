/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xl_config.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest_config.h"
#include "program.h"

/* Far more than fits into a request, so that the complaint about that can name the size. */
#define JSON_MAX (16 * 1024 * 1024)

bool xl_config_is_setting(const char *argument)
{
    return strchr(argument, '=') != NULL;
}

static enum exit_status complain_long(const struct invocation *invocation, const char *what)
{
    complain(invocation, "%s is longer than %d MiB, which is no guest's configuration", what,
             JSON_MAX / 1024 / 1024);
    return STATUS_REFUSED;
}

/* `source` says whose text it is. */
static enum exit_status parse(const struct invocation *invocation, const char *source,
                              const char *text, size_t size, json_t **ret_json)
{
    _cleanup_(cleanup_json) json_t *value = NULL;
    json_error_t error;

    value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!value)
        complain(invocation, "%s is not JSON: line %d, column %d: %s", source, error.line,
                 error.column, error.text);
    else if (!json_is_object(value))
        complain(invocation, "%s is not libxl's JSON of a domain, which is an object {...}",
                 source);
    else
        *ret_json = steal_pointer(&value);
    return *ret_json ? STATUS_DONE : STATUS_REFUSED;
}

/* ---- standard input */

static enum exit_status read_input(const struct invocation *invocation, json_t **ret_json)
{
    _cleanup_(cleanup_free) char *text = malloc(JSON_MAX + 1);
    size_t size;

    if (!text)
        return complain_memory(invocation);
    size = fread(text, 1, JSON_MAX + 1, stdin);
    if (ferror(stdin)) {
        complain(invocation, "cannot read standard input: %s", strerror(errno));
        return STATUS_REFUSED;
    }
    if (size > JSON_MAX)
        return complain_long(invocation, "standard input");
    return parse(invocation, "standard input", text, size, ret_json);
}

static enum exit_status check_no_settings(const struct invocation *invocation)
{
    for (size_t i = 1; i < invocation->argument_count; i++)
        if (xl_config_is_setting(invocation->arguments[i]))
            return complain_usage(invocation,
                                  "'%s' is for xl, but JSON on standard input is taken as it is",
                                  invocation->arguments[i]);
    return STATUS_DONE;
}

/* ---- xl */

/* With -f even a name with a '=' is a file's. NULL: no memory. */
static const char **make_command(const struct invocation *invocation, const char *config)
{
    const char *const start[] = { "xl", "create", "--dryrun", "--quiet", "-f", config, "--" };
    size_t count = sizeof(start) / sizeof(start[0]);
    const char **command = calloc(count + invocation->argument_count + 1, sizeof(*command));

    if (!command)
        return NULL;
    memcpy(command, start, sizeof(start));
    for (size_t i = 1; i < invocation->argument_count; i++)
        if (xl_config_is_setting(invocation->arguments[i]))
            command[count++] = invocation->arguments[i];
    return command;
}

/* xl's own words, a line each, warnings of a run that went well included. */
static void pass_on_errors(const struct invocation *invocation, const struct program_result *result)
{
    char *rest = result->errors, *line;

    while ((line = strsep(&rest, "\n")))
        if (*line)
            complain(invocation, "xl: %s", line);
}

/* Where xl has said why, that is enough. */
static enum exit_status complain_failed(const struct invocation *invocation, const char *config,
                                        const struct program_result *result)
{
    int status = result->status;

    if (WIFSIGNALED(status))
        complain(invocation, "xl could not translate '%s': it was killed by signal %d (%s)", config,
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (result->errors_size == 0)
        complain(invocation, "xl could not translate '%s', and did not say why (exit status %d)",
                 config, WEXITSTATUS(status));
    return STATUS_REFUSED;
}

static enum exit_status complain_no_xl(const struct invocation *invocation, int r)
{
    if (r == -ENOMEM)
        return complain_memory(invocation);
    if (r == PROGRAM_E_TOO_LONG)
        return complain_long(invocation, "what xl prints");
    if (r == PROGRAM_E_TIMEOUT)
        complain(invocation, "xl did not translate the configuration within %u s; see --timeout",
                 invocation->timeout);
    else
        complain(invocation,
                 "cannot run xl, which translates the configuration: %s; is this Dom0, and its "
                 "folder in PATH? libxl's JSON is taken by 'xenshmctl create -'",
                 strerror(-r));
    return STATUS_REFUSED;
}

/* xl takes the format from its own configuration only; no option chooses it. */
static bool is_sxp(const struct program_result *result)
{
    const char *text = result->output;

    while (isspace((unsigned char)*text))
        text++;
    return *text == '(';
}

static enum exit_status parse_output(const struct invocation *invocation, const char *config,
                                     const struct program_result *result, json_t **ret_json)
{
    if (result->status != 0)
        return complain_failed(invocation, config, result);
    if (!is_sxp(result))
        return parse(invocation, "what xl prints", result->output, result->output_size, ret_json);
    complain(invocation, "xl prints SXP instead of JSON; set output_format=\"json\" in "
                         "/etc/xen/xl.conf, or remove that line");
    return STATUS_REFUSED;
}

static enum exit_status run_xl(const struct invocation *invocation, const char *config,
                               json_t **ret_json)
{
    _cleanup_(program_result_clear) struct program_result result = { 0 };
    _cleanup_(cleanup_free) const char **command = make_command(invocation, config);
    int r;

    if (!command)
        return complain_memory(invocation);
    r = program_run((char *const *)command, JSON_MAX, invocation->timeout, &result);
    if (result.errors)
        pass_on_errors(invocation, &result);
    return r ? complain_no_xl(invocation, r) : parse_output(invocation, config, &result, ret_json);
}

/* ---- paths */

/* Absolute. xl reads /dev/null as "all is in KEY=VALUE": such paths count from where we are. */
static char *folder_of(const char *config)
{
    _cleanup_(cleanup_free) char *copy = strdup(config);

    if (!copy)
        return NULL;
    return realpath(strcmp(config, "/dev/null") == 0 ? "." : dirname(copy), NULL);
}

static enum exit_status resolve(const struct invocation *invocation, const char *config,
                                json_t *json)
{
    _cleanup_(cleanup_free) char *folder = folder_of(config);
    _cleanup_(cleanup_json) json_t *text = NULL;

    if (!folder) {
        complain(invocation, "cannot tell the folder of '%s': %s", config, strerror(errno));
        return STATUS_REFUSED;
    }
    text = json_string(folder);
    if (!text) {
        complain(invocation, "the folder '%s' is not valid UTF-8, which JSON needs; rename it",
                 folder);
        return STATUS_REFUSED;
    }
    return guest_config_resolve(json, folder) ? complain_memory(invocation) : STATUS_DONE;
}

enum exit_status xl_config_read(const struct invocation *invocation, const char *config,
                                json_t **ret_json)
{
    _cleanup_(cleanup_json) json_t *json = NULL;
    enum exit_status status;

    if (strcmp(config, "-") == 0) {
        status = check_no_settings(invocation);
        return status ? status : read_input(invocation, ret_json);
    }
    status = run_xl(invocation, config, &json);
    if (status == STATUS_DONE)
        status = resolve(invocation, config, json);
    if (status == STATUS_DONE)
        *ret_json = steal_pointer(&json);
    return status;
}
