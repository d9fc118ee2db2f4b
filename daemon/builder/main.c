/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xenshm-builder and xenshm-builder-sim: one libxl creation or destruction for xenshmd, see
 * builder.h. What happens to this process happens to nobody else.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "builder.h"
#include "cleanup.h"
#include "conversation.h"
#include "create.h"
#include "end.h"
#include "keeper.h"

#define EXIT_USAGE 2
/* Where close_range() is not to be had: more than whoever starts a builder passes on. */
#define DESCRIPTORS_MAX 1024

static const char help[] =
    "Usage: " BUILDER_PROGRAM " [--service | --help | --version]\n"
    "\n"
    "Creates or ends one guest for xenshmd, which starts it and talks to it over a socket.\n"
    "It is not for people: `xenshmctl create` and `xenshmctl destroy` are.\n"
    "\n"
    "  --service  started by systemd for a connection to xenshm-builder.socket\n";

/* Returns the exit code, or -1: there is work to do. */
static int read_options(int argc, char **argv, bool *ret_service)
{
    *ret_service = argc == 2 && strcmp(argv[1], "--service") == 0;
    if (argc == 1 || *ret_service)
        return -1;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return EXIT_SUCCESS;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts(BUILDER_PROGRAM " " XENSHMD_VERSION);
        return EXIT_SUCCESS;
    }
    fprintf(stderr, BUILDER_PROGRAM ": unknown argument '%s'; see --help\n",
            argv[argc > 2 ? 2 : 1]);
    return EXIT_USAGE;
}

/* What the toolstack runs has no business with our descriptors. */
static void keep_descriptors(void)
{
    if (close_range(BUILDER_FD, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (int fd = BUILDER_FD; fd < DESCRIPTORS_MAX; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* The daemon may have been holding signals back, and has its own ideas of some. */
static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int serve(struct conversation *conversation, struct error *error)
{
    _cleanup_(cleanup_json) json_t *request = NULL;
    const char *what;
    int r;

    r = conversation_hear(conversation, &request, error);
    if (r)
        return r;
    what = json_string_value(json_object_get(request, "do"));
    if (what && strcmp(what, "create") == 0)
        return create_run(conversation, request, error);
    if (what && strcmp(what, "end") == 0)
        return end_run(request, error);
    return conversation_misunderstood(error, "'do' is neither \"create\" nor \"end\"");
}

int main(int argc, char **argv)
{
    struct conversation conversation;
    struct error error = { 0 };
    bool service;
    int r;

    /* A daemon that is gone already shows as a socket that has hung up. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    r = read_options(argc, argv, &service);
    if (r >= 0)
        return r;
    if (conversation_open(&conversation) < 0) {
        fputs(BUILDER_PROGRAM ": descriptor 3 is not a socket; xenshmd starts this program, "
                              "see --help\n",
              stderr);
        return EXIT_USAGE;
    }
    r = service ? keeper_run() : -1;
    if (r >= 0) {
        conversation_close(&conversation);
        return r;
    }
    keep_descriptors();
    reset_signals();
    serve(&conversation, &error);
    if (error.code)
        conversation_refuse(&error);
    conversation_close(&conversation);
    return error.code ? EXIT_FAILURE : EXIT_SUCCESS;
}
