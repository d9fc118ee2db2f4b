/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "invocation.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "host.h"
#include "link.h"
#include "print.h"
#include "utf8.h"
#include "xenshm.h"

#define TIMEOUT_DEFAULT 60
#define TIMEOUT_TYPING 1
#define TIMEOUT_MAX 1000000

void invocation_clear(struct invocation *invocation)
{
    link_free(invocation->link);
    options_clear(&invocation->options);
    if (invocation->host)
        host_clear(invocation->host);
    free(invocation->host);
    free(invocation->arguments);
    *invocation = (struct invocation){ 0 };
}

const char *invocation_argument(const struct invocation *invocation, size_t index)
{
    return index < invocation->argument_count ? invocation->arguments[index] : NULL;
}

size_t invocation_option_place(const struct invocation *invocation,
                               const struct option_given *given)
{
    size_t command_words = invocation->options.argument_count - invocation->argument_count;

    return given->arguments > command_words ? given->arguments - command_words : 0;
}

/* One call of stdio a line, so that lines of several programs do not mix. */
__attribute__((format(printf, 3, 0))) static void
complain_line(const struct invocation *invocation, bool see_help, const char *format, va_list ap)
{
    const char *command = invocation->command ? invocation->command->name : "";
    char *text;

    if (vasprintf(&text, format, ap) < 0) {
        fputs("xenshmctl: out of memory\n", stderr);
        return;
    }
    utf8_make_printable(text);
    if (see_help)
        fprintf(stderr, "xenshmctl: %s%s%s; see 'xenshmctl %s%s--help'\n", command,
                *command ? ": " : "", text, command, *command ? " " : "");
    else
        fprintf(stderr, "xenshmctl: %s%s%s\n", command, *command ? ": " : "", text);
    free(text);
}

void complain(const struct invocation *invocation, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    complain_line(invocation, false, format, ap);
    va_end(ap);
}

enum exit_status complain_usage(const struct invocation *invocation, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    complain_line(invocation, true, format, ap);
    va_end(ap);
    return STATUS_USAGE;
}

enum exit_status complain_memory(const struct invocation *invocation)
{
    complain(invocation, "out of memory");
    return STATUS_REFUSED;
}

static enum exit_status take_command(struct invocation *invocation, const char *word)
{
    const struct command *nearest;
    char name[64];

    if (!invocation->group && command_is_group(word)) {
        invocation->group = word;
        return STATUS_DONE;
    }
    snprintf(name, sizeof(name), "%s%s%s", invocation->group ? invocation->group : "",
             invocation->group ? " " : "", word);
    invocation->command = command_find(name);
    if (invocation->command) {
        invocation->options.tables[1] = invocation->command->options;
        return STATUS_DONE;
    }
    nearest = command_nearest(name);
    if (nearest)
        return complain_usage(invocation, "unknown command '%s' (did you mean '%s'?)", name,
                              nearest->name);
    return complain_usage(invocation, "unknown command '%s'", name);
}

static enum exit_status complain_option(const struct invocation *invocation, int refusal)
{
    const char *word = invocation->options.word;

    switch (refusal) {
    case OPTIONS_E_NEEDS_VALUE:
        return complain_usage(invocation, "option '%s' needs a value", word);
    case OPTIONS_E_TAKES_NO_VALUE:
        return complain_usage(invocation, "option '%s' takes no value", word);
    default:
        return complain_usage(invocation, "unknown option '%s'", word);
    }
}

static enum exit_status take_word(struct invocation *invocation, const char *word)
{
    if (!invocation->command)
        return take_command(invocation, word);
    invocation->arguments[invocation->argument_count++] = word;
    return STATUS_DONE;
}

static enum exit_status read_words(struct invocation *invocation)
{
    const char *word;
    int r;

    while ((r = options_next(&invocation->options, &word)) == 0 && word)
        if (take_word(invocation, word) != STATUS_DONE)
            return STATUS_USAGE;
    return r ? complain_option(invocation, r) : STATUS_DONE;
}

static enum exit_status read_timeout(struct invocation *invocation)
{
    const char *text = options_value(&invocation->options, "timeout");
    unsigned long seconds;

    invocation->timeout = TIMEOUT_DEFAULT;
    if (invocation->command && invocation->command->timeout)
        invocation->timeout = invocation->command->timeout;
    if (!text)
        return STATUS_DONE;
    errno = 0;
    seconds = strtoul(text, NULL, 10);
    if (strspn(text, "0123456789") != strlen(text) || errno || seconds == 0 ||
        seconds > TIMEOUT_MAX)
        return complain_usage(invocation, "timeout '%s' is not a number of seconds from 1 to %d",
                              text, TIMEOUT_MAX);
    invocation->timeout = (unsigned)seconds;
    return STATUS_DONE;
}

static void read_socket(struct invocation *invocation)
{
    const char *environment = getenv("XENSHM_SOCKET");

    invocation->socket_path = options_value(&invocation->options, "socket");
    if (!invocation->socket_path && environment && *environment)
        invocation->socket_path = environment;
    if (!invocation->socket_path)
        invocation->socket_path = XENSHM_DEFAULT_SOCKET;
}

/* It goes through the shell over there, see shell_word.h. */
static enum exit_status check_socket(const struct invocation *invocation)
{
    const char *path = options_value(&invocation->options, "socket");

    if (!path || !strchr(path, '\n'))
        return STATUS_DONE;
    return complain_usage(invocation,
                          "socket '%s' has a line break, which cannot be passed on to "
                          "another host; leave it out",
                          path);
}

/* `source` is what the URL was given by. */
static enum exit_status take_host(struct invocation *invocation, const char *source,
                                  const char *url)
{
    const char *problem;
    int r;

    invocation->host = calloc(1, sizeof(*invocation->host));
    r = invocation->host ? host_parse(url, invocation->host, &problem) : -ENOMEM;
    if (r < 0)
        return complain_memory(invocation);
    if (r == HOST_E_PASSWORD)
        return complain_usage(invocation, "%s %s", source, problem);
    if (r)
        return complain_usage(invocation, "%s '%s' %s", source, url, problem);
    invocation->place = url;
    return check_socket(invocation);
}

/* Help is there whatever the variable says. */
static enum exit_status read_host(struct invocation *invocation)
{
    const char *url = options_value(&invocation->options, "host"),
               *variable = getenv("XENSHM_HOST");
    bool only_here = invocation->command && invocation->command->host == HOST_NONE;

    invocation->place = invocation->socket_path;
    if (url && only_here)
        return complain_usage(invocation, "this works on this host only; log in to the other one "
                                          "for it, and leave out --host");
    if (url)
        return take_host(invocation, "host", url);
    if (!variable || !*variable || only_here || !invocation->command ||
        options_has(&invocation->options, "help") || options_has(&invocation->options, "version"))
        return STATUS_DONE;
    return take_host(invocation, "XENSHM_HOST", variable);
}

static enum exit_status begin(struct invocation *invocation, char **argv)
{
    size_t words = 0;

    while (argv[words])
        words++;
    *invocation = (struct invocation){ 0 };
    invocation->arguments = calloc(words + 1, sizeof(*invocation->arguments));
    invocation->link = link_new();
    if (!invocation->arguments || !invocation->link ||
        options_init(&invocation->options, argv, global_options) < 0)
        return complain_memory(invocation);
    return STATUS_DONE;
}

enum exit_status invocation_read(struct invocation *invocation, char **argv)
{
    enum exit_status status = begin(invocation, argv);

    if (status == STATUS_DONE)
        status = read_words(invocation);
    if (status != STATUS_DONE)
        return status;
    invocation->json = options_has(&invocation->options, "json");
    read_socket(invocation);
    if (read_timeout(invocation) != STATUS_DONE)
        return STATUS_USAGE;
    return read_host(invocation);
}

enum exit_status invocation_read_begun(struct invocation *invocation, char **argv,
                                       const struct option **ret_open)
{
    enum exit_status status = begin(invocation, argv);
    struct options *options = &invocation->options;
    const char *word = "";
    int r = 0;

    *ret_open = NULL;
    while (status == STATUS_DONE && r != OPTIONS_E_NEEDS_VALUE && word) {
        r = options_next(options, &word);
        if (r == 0 && word)
            status = take_word(invocation, word);
    }
    if (r == OPTIONS_E_NEEDS_VALUE)
        *ret_open = options_find(options, options->word);
    if (status == STATUS_DONE)
        status = read_timeout(invocation);
    if (!options_has(options, "timeout"))
        invocation->timeout = TIMEOUT_TYPING;
    read_socket(invocation);
    invocation->place = invocation->socket_path;
    return status;
}
