/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In Dom0: contract_xen DOMID POOL_PFN COUNT ALIEN_PFN, numbers as strtoull() takes them. The
 * pool's pages must be free, and ALIEN_PFN a page of Dom0's own memory.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"
#include "hypervisor_xen.h"

int main(int argc, char **argv)
{
    struct contract_place place = {
        .no_domid = 32000,
        .free_gfn = gfn(0x3a000),
        .ram_gfn = gfn(0x40001),
    };
    struct hypervisor *hypervisor;
    int failed;

    if (argc != 5 || hypervisor_xen_open(&hypervisor) < 0) {
        fprintf(stderr, "usage: %s DOMID POOL_PFN COUNT ALIEN_PFN, in Dom0\n", argv[0]);
        return 99;
    }
    place.domid = (uint32_t)strtoul(argv[1], NULL, 0);
    place.frames =
        (struct mfn_range){ mfn(strtoull(argv[2], NULL, 0)), strtoull(argv[3], NULL, 0) };
    place.alien = mfn(strtoull(argv[4], NULL, 0));
    failed = contract_run(hypervisor, &place);
    hypervisor_close(hypervisor);
    return failed > 0;
}
