# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# What the tests in Dom0 (busybox sh) are written with: guests, the daemon, shared bytes and
# checks.  The host reads the serial line: it knows lines that begin with LAB (a stage),
# PASS, FAIL and SHOW (the demonstration's transcript).

RESULTS=/run/lab/results
CONSOLES=/var/log/xen/console

# How this Dom0 runs the daemon.
# shellcheck source=daemon.sh
. /lab/daemon.sh

# ---- checks: one line each, and one in $RESULTS for the count

pass() {
	echo "PASS $1" | tee -a "$RESULTS"
}

fail() {
	echo "FAIL $1: got '$2' want $3" | tr '\n' ' ' >>"$RESULTS"
	echo >>"$RESULTS"
	tail -n 1 "$RESULTS"
}

# is NAME GOT WANT
is() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "$2" "'$3'"; fi
}

# has NAME GOT PATTERN: a line of GOT matches the basic regular expression.
has() {
	if printf '%s\n' "$2" | grep -q -e "$3"; then pass "$1"; else fail "$1" "$2" "a line like '$3'"; fi
}

# lacks NAME GOT PATTERN
lacks() {
	if printf '%s\n' "$2" | grep -q -e "$3"; then fail "$1" "$2" "no line like '$3'"; else pass "$1"; fi
}

# The line that ends a run: the host waits for it.
count_checks() {
	echo "LAB-RESULT pass=$(grep -c ^PASS "$RESULTS") fail=$(grep -c ^FAIL "$RESULTS")"
}

# refused NAME STATUS PATTERN COMMAND...: COMMAND must fail with just this status, say why on
# stderr, and leave every page where it was.
refused() {
	name=$1 want_status=$2 want_text=$3
	shift 3
	map_before=$(xenshmctl --json map 2>/dev/null)
	text=$("$@" 2>&1 >/dev/null)
	is "$name: exit status" $? "$want_status"
	has "$name: reason" "$text" "$want_text"
	is "$name: pages are as before" "$(xenshmctl --json map 2>/dev/null)" "$map_before"
}

# world: what a creation that fails must not leave behind: domains (Xen's own list of them), their
# nodes in xenstore, records, builders.
world() {
	xenview 0 0
	xenstore-list /local/domain | sort
	ls /run/xenshmd/guests 2>/dev/null
	pidof xenshm-builder
}

# refused_whole NAME STATUS PATTERN COMMAND...: as `refused`, and nothing is left behind.
refused_whole() {
	world_before=$(world)
	refused "$@"
	is "$1: nothing is left behind" "$(world)" "$world_before"
}

# chance LIMIT: a number from 0 to LIMIT - 1 into $chance.  The sequence comes from $LAB_SEED.
chance() {
	LAB_SEED=$(((LAB_SEED * 1103515245 + 12345) & 0x7fffffff))
	# shellcheck disable=SC2034 # for the caller
	chance=$(((LAB_SEED >> 8) % $1))
}

# now: seconds since Dom0 started.
now() {
	cut -d. -f1 /proc/uptime
}

# eventually SECONDS COMMAND...: runs COMMAND until it succeeds.
eventually() {
	deadline=$(($(now) + $1))
	shift
	until "$@"; do
		[ "$(now)" -lt $deadline ] || return 1
		usleep 100000
	done
}

# ---- guests

guest_id() {
	xl domid "$1" 2>/dev/null
}

# guest_config NAME [IOMEM [MEMORY [LINE]]]: an xl configuration on stdout.
guest_config() {
	cat <<-END
		name = "$1"
		type = "pvh"
		kernel = "/guest/kernel"
		ramdisk = "/guest/initrd"
		extra = "console=hvc0 loglevel=1"
		memory = ${3:-128}
		vcpus = 1
		on_crash = "preserve"
		iomem = [ ${2:+"'$2'"} ]
		${4-}
	END
}

guest_is_up() {
	grep -q '^guest is up' "$CONSOLES/guest-$1.log" 2>/dev/null
}

# guest_start NAME [IOMEM [MEMORY [LINE]]]: creates the guest, not waiting for it.
guest_start() {
	rm -f "$CONSOLES/guest-$1.log"
	guest_config "$@" >"/tmp/$1.cfg"
	xl create -q "/tmp/$1.cfg"
}

# guest_create NAME [IOMEM [MEMORY [LINE]]]: creates the guest and waits for its user space; a
# test that cannot have its guest ends here.  Now and then the emulated board loses a guest
# while it boots, before xenshmd has anything to do with it: one that is silent is made anew, once.
guest_create() {
	guest_start "$@" || exit 1
	eventually 100 guest_is_up "$1" && return
	echo "LAB guest $1 did not come up and is created once more"
	tail -n 5 "$CONSOLES/guest-$1.log"
	xl destroy "$1"
	guest_start "$@" && guest_wait "$1"
}

guest_wait() {
	eventually 180 guest_is_up "$1" && return
	echo "guest $1 does not come up; its console says:"
	tail -n 20 "$CONSOLES/guest-$1.log"
	exit 1
}

guest_exists() {
	guest_id "$1" >/dev/null
}

# guest_make NAME [ARGUMENT]...: has xenshmd create the guest of /tmp/NAME.cfg, and does not wait for
# it.  Such guests are called made..., see clean_up.
guest_make() {
	made=$1
	shift
	rm -f "$CONSOLES/guest-$made.log"
	xenshmctl create "/tmp/$made.cfg" "$@"
}

# domain_state DOMID: the flags that xl list shows, such as --p---; nothing when it is gone.
domain_state() {
	xl list | awk -v id="$1" '$2 == id { print $5 }'
}

# domain_is DOMID FLAG: by its state, r, b, p, s, c or d.
domain_is() {
	case $(domain_state "$1") in
	*"$2"*) true ;;
	*) false ;;
	esac
}

# guest_is_gone NAME: the domain, and what xenshmd knows of it.
guest_is_gone() {
	! guest_exists "$1" && ! xenshmctl guests | grep -q "^$1 " && ! xenshmctl list | grep -q " $1 "
}

# guest_need NAME...: most tests leave their guests running, so they are often there already.
guest_need() {
	for guest; do
		guest_exists "$guest" || guest_create "$guest"
	done
}

guest_destroy() {
	for guest; do
		guest_exists "$guest" && xl destroy "$guest"
	done
}

# g NAME COMMAND: runs COMMAND in the guest, through its console; prints what it prints and
# returns its exit status (255: the guest does not answer).
g() {
	guest_is_up "$1" || return 255
	console=$CONSOLES/guest-$1.log
	token=$(cat /proc/sys/kernel/random/uuid)
	from=$(($(wc -c <"$console") + 1))
	echo "$token $2" >"$(xenstore-read "/local/domain/$(guest_id "$1")/console/tty")"
	eventually 60 answered || return 255
	answer | sed "/^end $token/d"
	return "$(answer | sed -n "s/^end $token //p")"
}

# What the guest has said to the command that g has sent.
answer() {
	tail -c "+$from" "$console" | tr -d '\r' | sed -n "/^begin $token/,/^end $token/p" | sed 1d
}

answered() {
	answer | grep -q "^end $token"
}

# guest_leave NAME COMMAND: has the guest run a command from which it does not come back.
guest_leave() {
	tty=$(xenstore-read "/local/domain/$(guest_id "$1")/console/tty")
	# What the next domain of that name says goes into a new file.
	rm -f "$CONSOLES/guest-$1.log"
	echo "leave $2" >"$tty"
}

# guest_has_new_domain NAME OLD-DOMID
guest_has_new_domain() {
	id=$(guest_id "$1") && [ "$id" != "$2" ]
}

# guest_back NAME OLD-DOMID: waits until xl has made the guest anew and it is up.
guest_back() {
	eventually 60 guest_has_new_domain "$1" "$2" && guest_wait "$1"
}

# ---- shared bytes

# uio POOL: the device of a pool.
uio() {
	for name in /sys/class/uio/*/name; do
		case $(cat "$name") in
		"$1" | "$1@"*) basename "$(dirname "$name")" | sed 's,^,/dev/,' ;;
		esac
	done
}

# host POOL OFFSET WHAT...: uiotool on the pool, in Dom0.
host() {
	device=$(uio "$1")
	shift
	uiotool "$device" "$@"
}

# host_at ADDRESS WHAT...: uiotool on the pool page at a host address, in Dom0.
host_at() {
	number=0
	for device in $UIO_DEVICES; do
		base=${device#*@}
		offset=$(($1 - 0x${base%:*}))
		[ $((offset >= 0 && offset < ${device#*:})) = 0 ] || break
		number=$((number + 1))
	done
	shift
	uiotool "/dev/uio$number" "$offset" "$@"
}

# pages_are_free: no page of any pool is used, foreign or quarantined.
pages_are_free() {
	map=$(xenshmctl --json map) && ! echo "$map" | grep -q '"state":"\(used\|foreign\|quarantined\)"'
}
