# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
#
# An apt of the lab's own, for packages of other architectures: it has state folders of its own, so
# that the machine keeps its list of architectures, and no other apt's lock can be in the way.
# Nothing that it downloads is installed.  Sourced, after common.sh.

# configure_apt NAME ARCHITECTURE...: the first is the one that packages are looked for; every NAME
# has lists of its own.
configure_apt() {
	local apt=$OUT/$1
	shift
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/status"
	cat >"$apt/apt.conf" <<-END
		Dir::State "$apt";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		APT::Architecture "$1";
		APT::Architectures { $(printf '"%s"; ' "$@")};
		APT::Sandbox::User "root";
		APT::Install-Recommends "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
	END
	export APT_CONFIG=$apt/apt.conf
}
