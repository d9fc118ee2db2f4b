/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "method_sim.h"

#include "hypervisor_sim.h"

/* clang-format off */
#define ROW(name, function, text)                                                                  \
    { name, ACCESS_ADMIN, method_##function##_fields, method_##function, text,                     \
      &method_##function##_result, method_##function##_errors }
/* clang-format on */

const struct method sim_methods[] = {
    ROW("sim.guest.start", sim_guest_start, "Starts a simulated guest, as xl create would."),
    ROW("sim.guest.shutdown", sim_guest_shutdown,
        "Shuts a simulated guest down from inside; the domain stays until it is destroyed."),
    ROW("sim.guest.resume", sim_guest_resume,
        "Lets a domain that has shut down go on, as a soft reset ends."),
    ROW("sim.guest.destroy", sim_guest_destroy, "Destroys a simulated guest, as xl destroy would."),
    ROW("sim.guest.rename", sim_guest_rename, "Renames a simulated guest, as xl rename would."),
    ROW("sim.guest.pause", sim_guest_pause,
        "Pauses a simulated guest, as xl pause would, or lets it go on."),
    ROW("sim.guest.configure", sim_guest_configure,
        "Lets the configuration of a guest started with config false appear."),
    ROW("sim.guest.xenstore", sim_guest_xenstore, "Shows the guest's nodes below xenshm/."),
    ROW("sim.guest.read", sim_guest_read, "Reads memory as the guest sees it."),
    ROW("sim.guest.write", sim_guest_write, "Writes memory as the guest would."),
    ROW("sim.host.read", sim_host_read, "Reads pool memory as Dom0 does through UIO."),
    ROW("sim.host.write", sim_host_write, "Writes pool memory as Dom0 does through UIO."),
    ROW("sim.fail", sim_fail, "Makes the n-th call of an operation from now on fail."),
    ROW("sim.builder", sim_builder, "Makes the next builder fail in one of its steps."),
    ROW("sim.status", sim_status, "What the simulated hypervisor has mapped and permitted."),
    { NULL },
};

int sim_method_find(struct request *request, const char *name, uint32_t *ret_domid,
                    struct error *error)
{
    if (sim_find(request->state->hypervisor, name, ret_domid) == 0)
        return 0;
    return error_set(error, XENSHM_GUEST_UNKNOWN, "no simulated guest is called '%s'", name);
}
