# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# Each mistake that one can make in a host's device tree: `xenshmctl dt check` names it, and where
# it is booted nevertheless, `xenshmctl doctor` in its Dom0 names it too, with the remedy.  Xen and
# Linux boot with every one of them.  Sourced by `run`, after boot.sh.

POOL=/shared_mem@7ffff000
GOOD_TREE=$OUT/$board/board.dtb
TREE_FILE=$OUT/$board/mistake.dtb

# ---- the mistakes, each planted into a copy of the good tree

# put_node PATH CELL...: a node for a pool with this reg.
put_node() {
	fdtput -p -c "$TREE_FILE" "$1"
	fdtput -t s "$TREE_FILE" "$1" compatible uio-dev
	fdtput -t x "$TREE_FILE" "$1" reg "${@:2}"
}

# put_arguments TEXT: of Dom0.
put_arguments() {
	fdtput -t s "$TREE_FILE" /chosen xen,dom0-bootargs "console=hvc0 quiet clk_ignore_unused $1"
}

plant_reserved_memory() {
	fdtput -r "$TREE_FILE" "$POOL"
	put_node "/reserved-memory$POOL" 0 7ffff000 0 1000
	fdtput -t x "$TREE_FILE" /reserved-memory '#address-cells' 2
	fdtput -t x "$TREE_FILE" /reserved-memory '#size-cells' 2
	fdtput "$TREE_FILE" /reserved-memory ranges
}

plant_passthrough() {
	fdtput "$TREE_FILE" "$POOL" xen,passthrough
}

plant_memory() {
	fdtput -t x "$TREE_FILE" /memory@0 reg 0 0 0 80000000
}

# The second page of one node is the first one of the other.
plant_overlap() {
	fdtput -t x "$TREE_FILE" /memory@0 reg 0 0 0 7fffe000
	put_node /shared_mem_b@7fffe000 0 7fffe000 0 2000
}

plant_address() {
	fdtput -t x "$TREE_FILE" "$POOL" reg 0 7ffff010 0 ff0
}

plant_size() {
	fdtput -t x "$TREE_FILE" "$POOL" reg 0 7ffff000 0 800
}

plant_no_of_id() {
	put_arguments ""
}

plant_other_of_id() {
	put_arguments uio_pdrv_genirq.of_id=generic-uio
}

plant_ranges() {
	local cells=() range
	for range in 0 2 4 6 8 a; do
		cells+=(0 "7fff${range}000" 0 1000)
	done
	fdtput -t x "$TREE_FILE" /memory@0 reg 0 0 0 7fff0000
	fdtput -t x "$TREE_FILE" "$POOL" reg "${cells[@]}"
}

plant_status() {
	fdtput -t s "$TREE_FILE" "$POOL" status disabled
}

# ---- what is said of them

total_passed=0 total_failed=0     # checks, of all boots

# says NAME TEXT PATTERN: a line of TEXT matches the basic regular expression.
says() {
	if grep -q -e "$3" <<<"$2"; then
		total_passed=$((total_passed + 1))
		printf 'PASS %s\n' "$1"
	else
		total_failed=$((total_failed + 1))
		printf 'FAIL %s: no line like "%s" in:\n%s\n' "$1" "$3" "$2"
	fi
}

# boot: what doctor says in a Dom0 with the tree goes into $doctor.
boot() {
	local status=0
	passed="" failed="" doctor="" started=$SECONDS reached="nothing"
	start_board
	follow || status=$?
	stop_board
	exec {serial}<&-
	if [ $status = 0 ]; then
		stage "doctor has looked at it"
	else
		explain "the board has stopped, or hangs"
	fi
	total_passed=$((total_passed + ${passed:-0})) total_failed=$((total_failed + ${failed:-1}))
}

# mistake PLANT RULE CHECK FINDING REMEDY: the rule of `dt check` that it breaks, and the line
# that it makes doctor write.
mistake() {
	local passed failed doctor checked status=0
	cp "$GOOD_TREE" "$TREE_FILE"
	"plant_$1"
	checked=$("$NATIVE/client/xenshmctl" --json dt check "$TREE_FILE" 2>&1) || status=$?
	says "$1: dt check: exit status" "$status" '^1$'
	says "$1: dt check: the rule" "$checked" "\"rule\":\"$2\""
	boot
	says "$1: doctor: exit status" "$doctor" '^exit status 1$'
	says "$1: doctor: the finding and its remedy" "$doctor" "^problem  *$3  *.*$4.*; remedy: $5"
}

try_mistakes() {
	mistake reserved_memory reserved-memory \
		node "/reserved-memory$POOL: lies under /reserved-memory" "make it a top-level node"
	mistake passthrough passthrough \
		node "$POOL: has the status \"disabled\", which Xen also gives to a node with xen,passthrough" \
		".*remove its xen,passthrough"
	mistake memory memory \
		memory "bytes of memory at 0x[0-9a-f]* cover pages of shared_mem" "the memory node was not shrunk"
	mistake overlap overlap \
		uio "shared_mem cannot be a pool: it overlaps map 0 of /dev/uio[01]" "correct the reg property"
	mistake address alignment \
		uio "0x7ffff000, offset 0x10, are not whole pages" "align the reg property"
	mistake size alignment \
		node "$POOL: 0x800 bytes at 0x7ffff000 are not whole pages" "make address and size multiples of 0x1000"
	mistake no_of_id of-id \
		of-id "no uio_pdrv_genirq.of_id=" "add uio_pdrv_genirq.of_id=uio-dev"
	mistake other_of_id of-id \
		node "$POOL: is not compatible with generic-uio" 'make it compatible = "generic-uio"'
	mistake ranges maps \
		node "$POOL: has 6 ranges" "spread the ranges over several nodes"
	mistake status status \
		node "$POOL: has the status \"disabled\"" '.*set its status to "okay"'
	echo "$total_passed $total_failed" >"$OUT/$board/result"
	[ $total_failed = 0 ]
}
