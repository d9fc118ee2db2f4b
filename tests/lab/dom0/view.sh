# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Holds what xenshmd says about its pages against what Xen says.  Sourced by the tests that need
# it.
#
# Both views are lines, with frames in decimal:
#   pool FIRST COUNT                    pages of a pool, as the board's device tree has them
#   run STATE FIRST COUNT               map
#   STATE DOMID FIRST COUNT SEGMENT     list: an attachment
#   foreign DOMID FIRST COUNT GUEST     guests: pages in the guest's own iomem
#   domain DOMID                        Xen: this guest lives
#   may DOMID FIRST COUNT               Xen: it may access these frames

VIEW=/run/lab/view
SOCKET=/run/xenshmd/xenshmd.sock
SETTLE_LIMIT=20 # seconds for the daemon to take back what dead guests and interrupted work hold
mkdir -p "$VIEW"

hex_function='
	function frame(hex,  i, n) {
		for (i = 1; i <= length(hex); i++)
			n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
		return n
	}'

# json_lines: the JSON on stdin as lines of "path value", such as "runs.0.state free".
json_lines() {
	awk '
		function path(  i, text) {
			for (i = 1; i <= depth; i++)
				text = text (i > 1 ? "." : "") key[i]
			return text
		}
		{ text = text $0 }
		END {
			while (match(text, /"([^"\\]|\\.)*"|[-+.0-9A-Za-z]+|[][{},:]/)) {
				token = substr(text, RSTART, RLENGTH)
				text = substr(text, RSTART + RLENGTH)
				if (token == "{" || token == "[") {
					kind[++depth] = token
					key[depth] = 0
					is_key = token == "{"
				} else if (token == "}" || token == "]") {
					depth--
				} else if (token == ",") {
					is_key = kind[depth] == "{"
					key[depth]++
				} else if (token != ":") {
					gsub(/^"|"$/, "", token)
					if (is_key)
						key[depth] = token
					else
						print path(), token
					is_key = 0
				}
			}
		}'
}

pool_view() {
	for device in $UIO_DEVICES; do
		case $device in
		shared_mem*)
			first=${device#*@}
			echo "pool $((0x${first%:*} / 4096)) $((${device#*:} / 4096))"
			;;
		esac
	done
}

# ask: all that xenshmd says, in one batch of requests.
ask() {
	call='{"jsonrpc":"2.0","id":1,"method":'
	strike 0 0 "$SOCKET" "[$call\"pool.map\"},$call\"segment.list\"},$call\"guest.list\"}]" | sed 's/^[0-9]* //'
}

# daemon_lines: the daemon's view of what `ask` has printed.
daemon_lines() {
	json_lines | sed 's/^[0-9]*\.result\.//' | awk "$hex_function"'
		function pages(of) {
			return frame(substr(value[of ".host_address"], 3)) / 4096 " " value[of ".size"] / 4096
		}
		{ value[$1] = $2 }
		sub(/\.host_address$/, "", $1) { object[count++] = $1 }
		END {
			for (i = 0; i < count; i++) {
				of = object[i]
				guest = of
				sub(/\.foreign\..*/, "", guest)
				if (of ~ /^runs\.[0-9]+$/)
					print "run", value[of ".state"], pages(of)
				else if (of ~ /^segments\.[0-9]+\.attachments\.[0-9]+$/)
					print value[of ".state"], value[of ".guest.domid"], pages(of), value[of ".segment"]
				else if (guest != of)
					print "foreign", value[guest ".domid"], pages(of), value[guest ".name"]
			}
		}'
}

xen_view() {
	# shellcheck disable=SC2046 # numbers are words
	xenview $(pool_view | cut -d' ' -f2-)
}

# printed_lines: Xen's view as `xl debug-keys q` has it printed, of the last such text on stdin.
# Fails when any of it is missing or mixed with other text: Xen makes such a line by many calls,
# and others print between.
printed_lines() {
	awk "$hex_function"'
		/^\(XEN\) .q. pressed/ { split("", dying); split("", ranges); complete = 0 }
		/^\(XEN\) General information for domain [0-9]+:$/ { domid = $NF + 0; dying[domid] = 1 }
		/^\(XEN\)     refcnt=[0-9]+ dying=0 / { dying[domid] = 0 }
		/^\(XEN\)     I\/O Memory \{( [0-9a-f]+(-[0-9a-f]+)?,?)* \}$/ {
			gsub(/.*\{|[},]/, "")
			ranges[domid] = $0
		}
		/^\(XEN\) Notifying guest / { complete = 1 }
		END {
			for (domid in dying)
				if (!dying[domid] && !(domid in ranges))
					complete = 0
			if (!complete)
				exit 1
			for (domid in ranges) {
				if (domid + 0 == 0 || dying[domid])
					continue
				print "domain", domid
				count = split(ranges[domid], range, " ")
				for (i = 1; i <= count; i++) {
					split(range[i] "-" range[i], limit, "-")
					print "may", domid, frame(limit[1]), frame(limit[2]) - frame(limit[1]) + 1
				}
			}
		}'
}

# printed_view GUEST...: the same as xen_view in Xen's own words, which are slow to get, and must
# not be asked for while anybody runs beside: Xen walks the lists of a vcpu's interrupts without
# a lock, and never comes back when that vcpu changes them (gic_dump_vgic_info()).  So all the
# GUESTs, which must be all there are, are paused, and Dom0 has one processor.
printed_view() {
	for guest; do
		xl pause "$guest"
	done
	xl vcpu-pin Domain-0 all 0
	for try in 1 2 3 4 5 6 7 8 9 10; do
		xl dmesg -c >/dev/null
		xl debug-keys q && xl dmesg -c >"$VIEW/dmesg"
		! printed_lines <"$VIEW/dmesg" >"$VIEW/printed" || break
		echo "what Xen printed is incomplete, try $try" >&2
	done
	xl vcpu-pin Domain-0 all all
	for guest; do
		xl unpause "$guest"
	done
	cat "$VIEW/printed"
}

# read_views: what both say now, into daemon and xen in $VIEW; fails if the daemon says something
# else before and after Xen.
read_views() {
	ask >"$VIEW/before" || return 1
	xen_view >"$VIEW/xen" || return 1
	ask >"$VIEW/after" || return 1
	{ pool_view && daemon_lines <"$VIEW/after"; } >"$VIEW/daemon"
	cmp -s "$VIEW/before" "$VIEW/after"
}

# compare_views: prints what the views on stdin contradict each other in, a line for each page.
# What is on its way (an attachment of a guest that is gone, or one that is half made or half
# taken back) is no contradiction yet: it is printed as "waiting", and fails.
compare_views() {
	awk '
		function said(line) { print line; bad = 1 }
		function wait(line) { waiting = waiting "waiting: " line "\n" }
		$1 == "pool" { for (i = 0; i < $3; i++) pool[$2 + i] }
		$1 == "run" {
			for (i = 0; i < $4; i++) {
				if ($3 + i in state)
					said("page " $3 + i " is in two runs")
				state[$3 + i] = $2
			}
		}
		$1 == "domain" { lives[$2] }
		$1 == "may" { for (i = 0; i < $4; i++) if ($3 + i in pool) may[$2, $3 + i] }
		$1 ~ /^(foreign|attach|detach|quarantined|waiting)/ {
			for (i = 0; i < $4; i++) {
				held[$3 + i]
				if ($1 == "attached" || $1 == "foreign")
					claimed[$2, $3 + i] = $1
				else
					moving[$2, $3 + i] = $1
			}
		}
		END {
			for (page in pool) {
				if (!(page in state))
					said("page " page " is in no run")
				else if ((state[page] == "free") == (page in held))
					said("page " page " is " state[page] " in map, but " (page in held ? "" : "not ") "held")
			}
			for (key in claimed) {
				split(key, part, SUBSEP)
				if (!(part[1] in lives))
					wait("domain " part[1] " is gone and has page " part[2])
				else if (!(key in may))
					said("domain " part[1] " has page " part[2] " (" claimed[key] "), says xenshmd; Xen forbids it")
			}
			for (key in may) {
				split(key, part, SUBSEP)
				if (!(key in claimed) && !(key in moving))
					said("domain " part[1] " may access page " part[2] ", says Xen; to xenshmd it is " state[part[2]])
			}
			for (key in moving) {
				split(key, part, SUBSEP)
				wait("domain " part[1] ", page " part[2] ": " moving[key])
			}
			printf "%s", bad ? "" : waiting
			exit bad || waiting != ""
		}'
}

# differences: prints what xenshmd and Xen do not agree in, and fails; prints nothing when they
# agree.  Only what is on its way is looked at again, with both views read anew.
differences() {
	settled_by=$(($(now) + SETTLE_LIMIT))
	while :; do
		if ! read_views; then
			found="waiting: the views could not be read"
		elif found=$(cat "$VIEW/daemon" "$VIEW/xen" | compare_views); then
			return 0
		fi
		if [ "${found#waiting}" = "$found" ] || [ "$(now)" -ge $settled_by ]; then
			echo "$found"
			return 1
		fi
	done
}

show_views() {
	echo "--- xenshmd's view" && cat "$VIEW/daemon"
	echo "--- Xen's view" && cat "$VIEW/xen"
	echo "---"
}

# views_agree NAME
views_agree() {
	found=$(differences)
	is "$1" "$found" ""
	[ -z "$found" ] || show_views
}
