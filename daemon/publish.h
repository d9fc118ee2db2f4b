/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest is told about its attachments:
 * /local/domain/<domid>/xenshm/<segment>/{address,size,epoch,state}. One thread.
 */
#pragma once

#include "hypervisor.h"
#include "segment.h"

/* All nodes, `state` last, so that a guest that sees "attached" finds the others. 0 or -errno. */
int publish_attached(struct hypervisor *hypervisor, const struct attachment *attachment);
/* `state` alone, before the pages go. 0 or -errno. */
int publish_detaching(struct hypervisor *hypervisor, const struct attachment *attachment);
