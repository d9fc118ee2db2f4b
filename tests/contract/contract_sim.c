/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "contract.h"
#include "hypervisor_sim.h"
#include "sim_guest.h"

int main(void)
{
    const struct sim_pool_request pool = { "shared_mem", 8 * PAGE_SIZE };
    struct sim_guest guest = { .name = "guest1", .memory = SIM_GUEST_MEMORY };
    struct contract_place place = { .no_domid = 77 };
    struct hypervisor *hypervisor;
    int failed;

    if (sim_open(NULL, &pool, 1, &hypervisor) < 0 ||
        sim_guest_start(hypervisor, &guest, &place.domid) < 0)
        return 99;
    place.frames = sim_pool(hypervisor, 0)->frames;
    place.free_gfn = gfn(0x3a000);
    place.ram_gfn = gfn(0x40001);
    place.alien = mfn(0x10000);
    failed = contract_run(hypervisor, &place);
    hypervisor_close(hypervisor);
    return failed > 0;
}
