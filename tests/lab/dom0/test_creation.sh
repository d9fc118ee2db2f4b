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

# The newcomer takes the page by its own configuration; guest1 asks for it meanwhile.
domains=$(domain_count)
guest_start newcomer "$(printf '0x%x,1@0x30000' $((POOL_HOST / 4096)))" &
eventually 60 domain_has_come
answers=$(while kill -0 $! 2>/dev/null; do xenshmctl attach guest1 4K --pool shared_mem 2>&1; done)
wait $!
has "guest1 is refused while it is unknown who holds the page" "$answers" '(HOLDER_UNKNOWN)$\|(PAGES_HELD)$'
lacks "and is never given it" "$answers" '^guest1-0: '
lacks "no other answer is given" "$(echo "$answers" | grep -v -e '(HOLDER_UNKNOWN)$' -e '(PAGES_HELD)$')" .
eventually 300 guest_is_up newcomer
has "in the end it is the newcomer's" "$(xenshmctl map shared_mem)" 'foreign .* newcomer'
host shared_mem 0 put 0x600dda7a
is "and works" "$(g newcomer 'uiotool /dev/mem 0x30000000 get')" 0x600dda7a
guest_destroy newcomer
eventually 20 pages_are_free

# A newcomer without pages of its own is given one as soon as that is possible.
domains=$(domain_count)
guest_start newcomer &
eventually 60 domain_has_come
until answer=$(xenshmctl attach newcomer 4K --pool shared_mem 2>&1); do
	echo "$answer"
	kill -0 $! 2>/dev/null || break
done >/tmp/refusals
lacks "until then it is refused for good reasons" \
	"$(grep -v -e '(HOLDER_UNKNOWN)$' -e '(GUEST_UNKNOWN)$' /tmp/refusals)" .
wait $!
xenshmctl --json guests | grep -q '"segment":"newcomer-0"' || answer=$(xenshmctl attach newcomer 4K --pool shared_mem 2>&1)
is "then it gets its page" "$answer" "newcomer-0: 4 KiB at 0x3a000000 in newcomer (host $POOL_HOST)"
eventually 300 guest_is_up newcomer
host shared_mem 0 put 0x600dda7b
is "which works" "$(g newcomer 'uiotool /dev/mem 0x3a000000 get')" 0x600dda7b
guest_destroy newcomer
