/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In Dom0: crash_domain DOMID has Xen shut the domain down as crashed. A Linux guest on Arm does
 * not do that by itself: after a panic it only spins, or reboots.
 */
#include <stdio.h>
#include <stdlib.h>

#include <xenctrl.h>

int main(int argc, char **argv)
{
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);

    if (argc != 2 || !xch) {
        fprintf(stderr, "usage: %s DOMID, in Dom0\n", argv[0]);
        return 99;
    }
    if (xc_domain_shutdown(xch, (uint32_t)strtoul(argv[1], NULL, 0), SHUTDOWN_crash) < 0) {
        perror(argv[0]);
        return 1;
    }
    xc_interface_close(xch);
    return 0;
}
