# SPDX-License-Identifier: LGPL-2.1-or-later
FILESEXTRAPATHS:prepend := "${THISDIR}/files:"
SRC_URI:append = " file://xenshmd.cfg"

# The driver takes the pools, whatever arguments the boot script gives to Dom0. A kernel that has it
# built in needs uio_pdrv_genirq.of_id=uio-dev among them.
KERNEL_MODULE_AUTOLOAD:append = " uio_pdrv_genirq"
KERNEL_MODULE_PROBECONF:append = " uio_pdrv_genirq"
module_conf_uio_pdrv_genirq = "options uio_pdrv_genirq of_id=uio-dev"
