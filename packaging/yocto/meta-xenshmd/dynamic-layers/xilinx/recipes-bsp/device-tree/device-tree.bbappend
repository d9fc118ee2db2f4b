# SPDX-License-Identifier: LGPL-2.1-or-later
# The pools are of one board, so that none is there unless conf/local.conf names the fragment that
# describes them: XENSHMD_DTSI = "xenshmd-zynqmp.dtsi", or one made by `xenshmctl dt reserve --dts`.
FILESEXTRAPATHS:prepend := "${THISDIR}/files:"
XENSHMD_DTSI ?= ""

# The one name until 2024.1, the other since 2024.2.
EXTRA_OVERLAYS:append = " ${XENSHMD_DTSI}"
EXTRA_DT_INCLUDE_FILES:append = " ${XENSHMD_DTSI}"
