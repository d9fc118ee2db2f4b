/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * xenview: what Xen itself says about host frames, whoever gave them away.
 *
 *   xenview FIRST COUNT...
 *
 * Prints "domain DOMID" for each living guest, and "may DOMID FIRST COUNT" for each run of those
 * frames that it has the permission to map. Xen tells no permission, but it looks at it before it
 * takes a mapping away, and to take away nothing changes nothing: so that is asked, frame by
 * frame, at an address where no guest has anything.
 */
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <xenctrl.h>

#define NOTHING_THERE 0x37000 /* a guest frame in a hole of the memory map, xen/arch-arm.h */
#define DOMAINS_MAX 64

static bool may(xc_interface *xc, uint32_t domid, uint64_t frame)
{
    errno = 0;
    if (xc_domain_memory_mapping(xc, domid, NOTHING_THERE, frame, 1, DPCI_REMOVE_MAPPING) == 0)
        return true;
    if (errno != EPERM)
        err(1, "domain %u, frame 0x%llx", domid, (unsigned long long)frame);
    return false;
}

static void print_frames(xc_interface *xc, uint32_t domid, uint64_t first, uint64_t count)
{
    uint64_t run = 0;

    for (uint64_t i = 0; i <= count; i++) {
        if (i < count && may(xc, domid, first + i)) {
            run++;
        } else if (run) {
            printf("may %u %llu %llu\n", domid, (unsigned long long)(first + i - run),
                   (unsigned long long)run);
            run = 0;
        }
    }
}

int main(int argc, char **argv)
{
    xc_domaininfo_t domains[DOMAINS_MAX];
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    int count;

    if (argc < 3 || argc % 2 == 0)
        errx(2, "usage: xenview FIRST COUNT...");
    if (!xc)
        err(1, "xc_interface_open");
    count = xc_domain_getinfolist(xc, 1, DOMAINS_MAX, domains);
    if (count < 0)
        err(1, "xc_domain_getinfolist");
    for (int i = 0; i < count; i++) {
        if (domains[i].flags & XEN_DOMINF_dying)
            continue;
        printf("domain %u\n", domains[i].domain);
        for (int a = 1; a < argc; a += 2)
            print_frames(xc, domains[i].domain, strtoull(argv[a], NULL, 0),
                         strtoull(argv[a + 1], NULL, 0));
    }
    xc_interface_close(xc);
    return 0;
}
