/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenshmctl: command line and exit status. Everything else is in the library beside it. */
#include <signal.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "print.h"

/* A result that nobody could read is not a success. */
static enum exit_status finish(const struct invocation *invocation, enum exit_status status)
{
    int r = print_end();

    if (r == 0)
        return status;
    complain(invocation, "cannot write to standard output%s%s", r < 0 ? ": " : "",
             r < 0 ? strerror(-r) : "");
    return status ? status : STATUS_REFUSED;
}

int main(int argc, char **argv)
{
    _cleanup_(invocation_clear) struct invocation invocation = { 0 };
    enum exit_status status;

    signal(SIGPIPE, SIG_IGN); /* a closed pipe is reported as what it is: a failed write */
    print_begin();
    status = invocation_read(&invocation, argv + (argc > 0));
    if (status == STATUS_DONE)
        status = commands_run(&invocation);
    return finish(&invocation, status);
}
