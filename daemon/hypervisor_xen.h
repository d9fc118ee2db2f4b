/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real hypervisor: see hypervisor.h. */
#pragma once

#include "hypervisor.h"

/*
 * Connects to Xen and xenstored. Returns 0 or -errno: not Dom0, no root, no xenstored. The caller
 * owns *ret_hypervisor: hypervisor_close(). A thread of libxenstore serves its watches from then
 * on; the handle itself is for one thread.
 */
int hypervisor_xen_open(struct hypervisor **ret_hypervisor);
