# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# While xl creates a guest, nobody can tell which pages it will hold: xl maps them first and
# writes the configuration afterwards.  An attachment in that time must never share a page
# with the newcomer.

guest_need guest1
daemon_need

# domain_count: xl list would wait for xl create's lock.
domain_count() {
	xenstore-list /local/domain | wc -l
}

domain_has_come() {
	[ "$(domain_count)" -gt "$domains" ]
}

# newcomer_start [IOMEM]: in the background; returns as soon as the domain is there.
newcomer_start() {
	rm -f /tmp/created
	domains=$(domain_count)
	{
		guest_start newcomer "$@"
		echo >/tmp/created
	} &
	eventually 60 domain_has_come
}

is_created() {
	[ -e /tmp/created ]
}

# The newcomer takes the page by its own configuration; guest1 asks for it meanwhile.
newcomer_start "$(printf '0x%x,1@0x30000' $((POOL_HOST / 4096)))"
until is_created; do
	xenshmctl attach guest1 4K --pool shared_mem
done >/tmp/answers 2>&1
has "guest1 is refused while it is unknown who holds the page" "$(cat /tmp/answers)" '(HOLDER_UNKNOWN)$\|(PAGES_HELD)$'
is "and gets no other answer" "$(grep -v -e '(HOLDER_UNKNOWN)$' -e '(PAGES_HELD)$' /tmp/answers)" ""
guest_wait newcomer
has "in the end it is the newcomer's" "$(xenshmctl map shared_mem)" 'foreign .* newcomer'
host shared_mem 0 put 0x600dda7a
is "and works" "$(g newcomer 'uiotool /dev/mem 0x30000000 get')" 0x600dda7a
guest_destroy newcomer
has "and is freed with it" "$(eventually 20 pages_are_free && echo yes)" yes

# A newcomer without pages of its own is given one as soon as that is possible.
newcomer_start
until answer=$(xenshmctl attach newcomer 4K --pool shared_mem 2>&1) || is_created; do
	echo "$answer"
done >/tmp/answers
is "until then it is refused for good reasons" \
	"$(grep -v -e '(HOLDER_UNKNOWN)$' -e '(GUEST_UNKNOWN)$' /tmp/answers)" ""
eventually 60 is_created
[ "${answer#newcomer-0:}" != "$answer" ] || answer=$(xenshmctl attach newcomer 4K --pool shared_mem 2>&1)
is "then it gets its page" "$answer" "newcomer-0: 4 KiB at 0x3a000000 in newcomer (host $POOL_HOST)"
guest_wait newcomer
host shared_mem 0 put 0x600dda7b
is "which works" "$(g newcomer 'uiotool /dev/mem 0x3a000000 get')" 0x600dda7b
guest_destroy newcomer
