/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_value.h"

#define DEFAULT_CONFIG "/etc/xenshmd/xenshmd.conf"

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, GO_ON = -1 };

static void print_help(const char *program, const struct options_extra *extra)
{
    printf("Usage: %s [OPTION]...\n"
           "Shares reserved pages with Xen guests; `xenshmctl` talks to it.\n"
           "\n"
           "  --config FILE        configuration (default " DEFAULT_CONFIG ", if it is there)\n"
           "  --check-config       check the configuration and exit\n"
           "  --show-config        print the configuration in force and exit\n"
           "  --state-dir DIR      state and socket (default " XENSHM_DEFAULT_STATE_DIR ")\n"
           "  --socket PATH        control socket (default DIR/xenshmd.sock)\n"
           "  --builder-socket PATH  where systemd starts builders (default: the daemon does)\n"
           "  --log-level LEVEL    error, warning, info or debug\n"
           "%s"
           "  --help, --version    print and exit\n",
           program, extra->help);
}

static int usage(const char *program, const char *why, const char *what)
{
    fprintf(stderr, "%s: %s '%s'; see --help\n", program, why, what);
    return STATUS_USAGE;
}

static int set_text(char **target, const char *value)
{
    return config_set_text(target, value) < 0 ? STATUS_FAILED : GO_ON;
}

/* Applies one option that has a value. Returns GO_ON or the exit status. */
static int apply(const char *program, const char *option, const char *value,
                 const struct options_extra *extra, struct config *config)
{
    int taken;

    if (strcmp(option, "--config") == 0)
        return GO_ON; /* read before */
    if (strcmp(option, "--state-dir") == 0)
        return set_text(&config->state_dir, value);
    if (strcmp(option, "--socket") == 0)
        return set_text(&config->socket, value);
    if (strcmp(option, "--builder-socket") == 0)
        return set_text(&config->builder_socket, value);
    if (strcmp(option, "--log-level") == 0)
        return log_level_parse(value, &config->log_level) < 0
                   ? usage(program, "no such log level:", value)
                   : GO_ON;
    taken = extra->take ? extra->take(extra->context, option, value) : 0;
    if (taken > 0)
        return GO_ON;
    return taken < 0 ? usage(program, "not a legal value:", value)
                     : usage(program, "unknown option", option);
}

/* Options have the forms `--name VALUE` and `--name=VALUE`. Advances *index past the value. */
static const char *option_value(int argc, char **argv, int *index, char name[static 32])
{
    const char *argument = argv[*index], *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument) : strlen(argument);

    snprintf(name, 32, "%.*s", (int)length, argument);
    if (equals)
        return equals + 1;
    return *index + 1 < argc ? argv[++*index] : NULL;
}

static int read_options(int argc, char **argv, const struct options_extra *extra,
                        struct config *config)
{
    char name[32] = "";
    int r = GO_ON;

    for (int i = 1; i < argc && r == GO_ON; i++) {
        const char *value;

        if (strcmp(argv[i], "--check-config") == 0 || strcmp(argv[i], "--show-config") == 0)
            continue;
        if (strncmp(argv[i], "--", 2) != 0) {
            /* A further value of an option that takes several. */
            if (!extra->take || extra->take(extra->context, name, argv[i]) != 1)
                return usage(argv[0], "unexpected argument", argv[i]);
            continue;
        }
        value = option_value(argc, argv, &i, name);
        if (!value || !value[0])
            return usage(argv[0], "a value is missing after", name);
        r = apply(argv[0], name, value, extra, config);
    }
    return r;
}

/* The value of --config (as of every option, the last one counts), or NULL. */
static const char *config_path(int argc, char **argv)
{
    const char *path = NULL;

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0)
            path = argv[i] + 9;
        else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            path = argv[++i];
    }
    return path;
}

static bool has_option(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

/*
 * Opens what is closed of stdin, stdout and stderr, before something else gets their numbers: a log
 * line must not end up in a pool or in a client's socket.
 */
static void fill_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

/*
 * A SIGHUP before the daemon can heed it must not end it, nor get lost, for the file may have been
 * read already: it waits. Ignored is what it is again when the daemon has closed its handler.
 */
static void hold_back_hangup(void)
{
    sigset_t hangup;

    signal(SIGHUP, SIG_IGN);
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    sigprocmask(SIG_BLOCK, &hangup, NULL);
}

/* Reads the file that the command line names, or the default one if it is there. */
static int read_file(int argc, char **argv, struct config *config, struct error *error)
{
    const char *path = config_path(argc, argv);

    if (!path && access(DEFAULT_CONFIG, F_OK) == 0)
        path = DEFAULT_CONFIG;
    return path ? config_read(config, path, error) : 0;
}

static int show(const char *program, const struct config *config)
{
    int r = config_show(config, stdout);

    if (r == 0)
        return STATUS_OK;
    fprintf(stderr, "%s: the configuration cannot be printed: %s\n", program, strerror(-r));
    return STATUS_FAILED;
}

int options_read(int argc, char **argv, const struct options_extra *extra,
                 struct options *ret_options, struct config *config)
{
    struct error error = { 0 };
    int r;

    fill_standard_descriptors();
    if (has_option(argc, argv, "--help")) {
        print_help(argv[0], extra);
        return STATUS_OK;
    }
    if (has_option(argc, argv, "--version")) {
        printf("%s " XENSHMD_VERSION "\n", argv[0]);
        return STATUS_OK;
    }
    hold_back_hangup();
    *ret_options = (struct options){ argc, argv };
    if (read_file(argc, argv, config, &error) != 0) {
        fprintf(stderr, "%s: %s (%s)\n", argv[0], error.message, error_name(error.code));
        return STATUS_FAILED;
    }
    r = read_options(argc, argv, extra, config);
    if (r == GO_ON && has_option(argc, argv, "--show-config"))
        return show(argv[0], config);
    return r == GO_ON && has_option(argc, argv, "--check-config") ? STATUS_OK : r;
}

/* What was taken at the start is legal, and has had its effect. */
static int pass_over(void *context, const char *option, const char *value)
{
    return 1;
}

/* What a shell's <(...) or /dev/stdin has been at the start: gone, or a wait that may never end. */
static int check_rereadable(const char *path, struct error *error)
{
    struct stat st;

    if (path && stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
        return error_set(error, XENSHM_CONFIG_INVALID, "%s: a pipe cannot be read again", path);
    return 0;
}

int options_reload(const struct options *options, struct config *ret_config, struct error *error)
{
    static const struct options_extra taken = { .help = "", .take = pass_over };

    if (check_rereadable(config_path(options->argc, options->argv), error) != 0)
        return error->code;
    if (config_init(ret_config) < 0)
        return error_set(error, XENSHM_CONFIG_INVALID, "out of memory");
    if (read_file(options->argc, options->argv, ret_config, error) == 0 &&
        read_options(options->argc, options->argv, &taken, ret_config) != GO_ON)
        error_set(error, XENSHM_CONFIG_INVALID, "the command line cannot be read again");
    if (error->code)
        config_clear(ret_config);
    return error->code;
}
