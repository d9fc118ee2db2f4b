# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# A UIO device that is not configured as a pool drives somebody's hardware: xenshmd must
# leave it alone, by name and by content.

host other_dev 0 put 0x0ddba115
daemon_need
is "there is one pool" "$(xenshmctl --json pools | grep -o '"host_address"' | wc -l)" 1
lacks "the other device is not among the pools" "$(xenshmctl pools)" other_dev
guest_need guest1
refused "a pool of that name" 1 POOL_UNKNOWN xenshmctl attach guest1 4K --pool other_dev
is "its memory is untouched" "$(host other_dev 0 get)" 0x0ddba115
