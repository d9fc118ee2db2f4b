# SPDX-License-Identifier: LGPL-2.1-or-later
SUMMARY = "Shared memory for Xen guests"
DESCRIPTION = "A service of Xen's Dom0 that owns reserved pages exposed through UIO and shares them, \
on request, between Dom0 and guests and between guests."
SECTION = "console/tools"
LICENSE = "LGPL-2.1-or-later"
LIC_FILES_CHKSUM = "file://LICENSE;md5=4fbd65380cdd255951079008b364516c"

# Built is the source that this layer stands in, a release unpacked or a checkout. XENSHMD_ARCHIVE is
# for a layer that has been moved out of it: "https://.../xenshmd-0.1.0.tar.gz;sha256sum=...".
XENSHMD_ARCHIVE ?= ""
SRC_URI = "${XENSHMD_ARCHIVE}"
XENSHMD_TREE = "${@os.path.realpath(d.getVar('THISDIR') + '/../../../../..')}"
EXTERNALSRC = "${@'' if d.getVar('XENSHMD_ARCHIVE') else d.getVar('XENSHMD_TREE')}"
# No links of Yocto's in somebody's checkout.
EXTERNALSRC_SYMLINKS = ""

# Other recipes are not to suffer from a layer that has lost its source.
python () {
    tree = d.getVar('EXTERNALSRC')
    if tree and not os.path.exists(os.path.join(tree, 'meson.build')):
        raise bb.parse.SkipRecipe("%s: no source of xenshmd, in which meta-xenshmd belongs; "
                                  "set XENSHMD_ARCHIVE to a release's archive" % tree)
}

inherit meson pkgconfig externalsrc features_check systemd update-rc.d useradd bash-completion

# Guests are Xen's: what has no Xen needs no xenshmd.
REQUIRED_DISTRO_FEATURES = "xen"
COMPATIBLE_HOST = "(aarch64|x86_64).*-linux"

# dtc brings libfdt; libbsd a header only.
DEPENDS = "xen-tools libevent jansson libinih dtc libbsd"

# An image has one of them, or both.
PACKAGECONFIG ??= "${@bb.utils.filter('DISTRO_FEATURES', 'systemd sysvinit', d)}"
PACKAGECONFIG[systemd] = "-Dsystemd=enabled,-Dsystemd=disabled,systemd"
PACKAGECONFIG[sysvinit] = "-Dsysv=true,-Dsysv=false"

# Programs are linked with the image's libraries, which get their fixes by themselves. A release has
# its manual pages rendered; from a checkout there are none where there is no scdoc.
EXTRA_OEMESON = "-Dxen=enabled -Dstatic-client=disabled -Dtests=false -Dunitdir=${systemd_system_unitdir}"

PACKAGE_BEFORE_PN = "xenshmctl ${PN}-sim libxenshm"
# The library's headers are in ${PN}-dev, the examples and manual pages in ${PN}-doc.
PACKAGES += "${PN}-zsh-completion ${PN}-fish-completion"

SUMMARY:xenshmctl = "Command line of xenshmd"
SUMMARY:${PN}-sim = "xenshmd on a simulated Xen"
SUMMARY:libxenshm = "Client library of xenshmd"

# All by name, so that no file is of two packages.
FILES:${PN} = "${sbindir} ${sysconfdir}/init.d ${systemd_system_unitdir} \
    ${nonarch_libdir}/sysusers.d ${nonarch_libdir}/tmpfiles.d"
FILES:xenshmctl = "${bindir}/xenshmctl"
FILES:${PN}-sim = "${bindir}/xenshmd-sim ${bindir}/xenshm-builder-sim"
FILES:libxenshm = "${libdir}/libxenshm${SOLIBS}"
FILES:${PN}-zsh-completion = "${datadir}/zsh"
FILES:${PN}-fish-completion = "${datadir}/fish"

# xenstored and xenconsoled run before it; the script of SysV init asks xenshmctl whether it is ready.
RDEPENDS:${PN} = "xenshmctl xen-tools-xencommons"
# A kernel that has the driver built in has no such package. Guests with disks and networks, which
# `xenshmctl create` makes, run Xen's scripts.
RRECOMMENDS:${PN} = "kernel-module-uio-pdrv-genirq xen-tools-scripts-block xen-tools-scripts-network"
# `create` has xl read the guest's configuration; `--host` goes through ssh.
RRECOMMENDS:xenshmctl = "xen-tools-xl"
RSUGGESTS:xenshmctl = "openssh-ssh"
RDEPENDS:${PN}-dev = "libxenshm (= ${EXTENDPKGV})"

# Members of the first attach and detach, of the second look on; see xenshmd.conf(5).
USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system xenshm;--system xenshm-read"

SYSTEMD_SERVICE:${PN} = "xenshmd.service"

# After xencommons (80), before xendomains (83), whose guests may want segments.
INITSCRIPT_NAME = "xenshmd"
INITSCRIPT_PARAMS = "defaults 82"
