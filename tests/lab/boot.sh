# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
#
# Starts and stops the emulated board, and reads its serial line.  Sourced by `run`, after
# the board's own file and layout.sh.

SERIAL=$OUT/$board/serial.log
CONSOLE=$OUT/$board/console.sock
qemu_process=

assemble_stub() {
	"$TRIPLET-gcc" -c -DDEVICE_TREE="$TREE_AT" -DXEN="$XEN_AT" -o "$OUT/$board/stub.o" "$LAB/src/stub.S" &&
		"$TRIPLET-objcopy" -O binary "$OUT/$board/stub.o" "$STUB_FILE"
}

# load FILE ADDRESS: an option that puts FILE into the board's memory as it is.
load() {
	printf '%s\n' -device "loader,file=$1,addr=$2,force-raw=on"
}

# disk: the options of the disk that Dom0 has, if it has one.
disk() {
	[ "$system" = plain ] ||
		printf '%s\n' -drive "file=$DISK_FILE,format=raw,if=none,id=disk,cache=unsafe" -device virtio-blk-device,drive=disk
}

# The board dies with this shell, however the shell ends.
start_board() {
	local images disk
	mapfile -t images < <(load "$XEN_FILE" "$XEN_AT"; load "$TREE_FILE" "$TREE_AT"
		load "$KERNEL_FILE" "$KERNEL_AT"; load "$INITRD_FILE" "$INITRD_AT")
	mapfile -t disk < <(disk)
	assemble_stub
	rm -f "$CONSOLE"
	: >"$SERIAL"
	# shellcheck disable=SC2086 # options are words
	setpriv --pdeathsig KILL "$QEMU_PROGRAM" -M "$QEMU_MACHINE" $QEMU_OPTIONS \
		-smp 2 -m "$RAM_MIB" -accel tcg,thread=multi \
		-nodefaults -display none -monitor none -no-reboot \
		-chardev "socket,id=serial,path=$CONSOLE,server=on,wait=off,logfile=$SERIAL" \
		-serial chardev:serial "${images[@]}" "${disk[@]}" \
		-device "loader,file=$STUB_FILE,addr=$STUB_AT,force-raw=on,cpu-num=0" \
		</dev/null >>"$LOG" 2>&1 &
	qemu_process=$!
	part=
	trap stop_board EXIT
	exec {serial}< <(exec tail -n +1 -s 0.1 -f --pid="$qemu_process" "$SERIAL")
}

stop_board() {
	kill -KILL "$qemu_process" 2>/dev/null || true
	wait "$qemu_process" 2>/dev/null || true
}

# next_line SECONDS: the serial line's next line into $line.  Fails with 1 when the board is
# gone, with 2 when nothing came for that long (what had come of a line is kept).
next_line() {
	local status=0
	IFS= read -r -t "$1" -u "$serial" line || status=$?
	part=$part$line
	[ $status -le 128 ] || return 2
	line=${part//$'\r'/}
	part=
	return $status
}
