#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes $QEMU_PROGRAM: this machine's QEMU if it is of the asked major version, else that of the
# Debian that has it, unpacked and run by its own loader with its own libraries.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/apt.sh"

folder=$(dirname "$QEMU_PROGRAM")

# own_version: of this machine's QEMU, such as 7.2.
own_version() {
	qemu-system-aarch64 --version | sed -n '1s/.*version \([0-9]*\.[0-9]*\).*/\1/p'
}

# world_with_qemu: the one whose QEMU is asked for.
world_with_qemu() {
	grep -lx "QEMU_MAJOR=$QEMU" "$LAB"/world/*.sh | head -n 1
}

# libraries: the folders that they are in, below root/.
libraries() {
	(cd "$folder/root" && find usr/lib -name '*.so.*' -printf '%h\n' | sort -u)
}

# It runs wherever the folder is moved to.
write_program() {
	local loader
	loader=$(readelf -l "$folder/root/usr/bin/qemu-system-aarch64" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
	cat >"$QEMU_PROGRAM" <<-END
		#!/bin/sh
		root=\$(dirname "\$0")/root
		exec "\$root/usr$loader" --library-path "$(libraries | sed 's,^,$root/,' | paste -sd :)" "\$root/usr/bin/qemu-system-aarch64" -L "\$root/usr/share/qemu" "\$@"
	END
	chmod 755 "$QEMU_PROGRAM"
}

# download CODENAME: QEMU and all that it needs, for this machine's architecture.
download() {
	local deb
	configure_apt "$folder/apt" "$1" "$(dpkg --print-architecture)"
	apt-get update
	apt-get install -y --download-only qemu-system-arm
	# Everything is in /usr there.
	mkdir -p "$folder/root/usr/"{bin,sbin,lib,lib64}
	ln -s usr/{bin,sbin,lib,lib64} "$folder/root/"
	for deb in "$folder"/apt/cache/archives/*.deb; do
		dpkg -x "$deb" "$folder/root"
	done
	rm -rf "$folder/apt"
}

stamp=$folder/made-$(sha256sum <"$0" | cut -c1-16)
# A link may lead to a newer one by now.
[ ! -e "$stamp" ] || [ -L "$QEMU_PROGRAM" ] || exit 0
rm -rf "$folder"
mkdir -p "$folder"
case $(own_version) in
"$QEMU".*) ln -s "$(command -v qemu-system-aarch64)" "$QEMU_PROGRAM" ;;
*)
	world=$(world_with_qemu)
	# shellcheck source=world/13.sh
	download "$(. "$world" && echo "$CODENAME")"
	write_program
	;;
esac
"$QEMU_PROGRAM" --version
touch "$stamp"
