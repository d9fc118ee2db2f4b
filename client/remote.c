/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote.h"

#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "host.h"
#include "memstream.h"
#include "shell_word.h"
#include "ssh.h"

/* ---- the command line over there */

static void print_option(FILE *out, const char *name, const char *value)
{
    fprintf(out, " --%s", name);
    if (value) {
        putc('=', out);
        shell_word_print(out, value);
    }
}

/* $XENSHM_SOCKET is about this host. */
static void print_socket(FILE *out, const struct invocation *invocation)
{
    if (invocation->host->socket && !options_has(&invocation->options, "socket"))
        print_option(out, "socket", invocation->host->socket);
}

/* Those that stand before the argument of that number. */
static void print_options_at(FILE *out, const struct invocation *invocation, size_t place)
{
    const struct options *options = &invocation->options;

    for (size_t i = 0; i < options->given_count; i++) {
        const struct option_given *given = &options->given[i];

        if (invocation_option_place(invocation, given) == place &&
            strcmp(given->option->name, "host") != 0)
            print_option(out, given->option->name, given->value);
    }
}

/* Their order counts for `create`: a share's options follow it. */
static void print_words(FILE *out, const struct invocation *invocation)
{
    bool only_arguments = false;

    for (size_t i = 0; i < invocation->argument_count; i++) {
        const char *word = invocation->arguments[i];

        print_options_at(out, invocation, i);
        if (options_is_option(word) && !only_arguments) {
            fputs(" --", out);
            only_arguments = true;
        }
        putc(' ', out);
        shell_word_print(out, word);
    }
    print_options_at(out, invocation, invocation->argument_count);
}

char *remote_proxy_command(const struct invocation *invocation)
{
    const char *socket = options_value(&invocation->options, "socket");
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fputs("xenshmctl proxy", out);
    if (socket)
        print_option(out, "socket", socket);
    print_socket(out, invocation);
    return memstream_end(out, &text);
}

static char *make_command(const struct invocation *invocation, const char *option)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    /* Over there nothing is passed on any further, whatever is set there. */
    fprintf(out, "env XENSHM_HOST= xenshmctl %s%s%s", invocation->command->name, option ? " " : "",
            option ? option : "");
    print_socket(out, invocation);
    print_words(out, invocation);
    return memstream_end(out, &text);
}

/* ---- carrying out */

enum exit_status remote_run(const struct invocation *invocation, const char *option,
                            unsigned seconds)
{
    _cleanup_(cleanup_free) char *command = make_command(invocation, option);
    struct ssh ssh;
    int r;

    if (!command)
        return complain_memory(invocation);
    if (strchr(command, '\n'))
        return complain_usage(invocation, "a word has a line break, which cannot be passed on to "
                                          "another host; log in there for it");
    r = ssh_start(&ssh, invocation, command, SSH_STANDARD);
    if (r) {
        complain(invocation, "cannot start ssh to %s: %s", invocation->place, strerror(-r));
        return STATUS_UNREACHABLE;
    }
    if (ssh_wait(&ssh, seconds ? (int64_t)seconds * 1000 : SSH_FOREVER))
        return ssh_judge(&ssh, invocation);
    ssh_end(&ssh, 0);
    complain(invocation, "%s did not end within %u s; it may go on over there; see --timeout",
             invocation->place, seconds);
    return STATUS_UNREACHABLE;
}
