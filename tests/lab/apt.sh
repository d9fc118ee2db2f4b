# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
#
# An apt of the lab's own, for packages of other architectures and other releases of Debian: it has
# state folders of its own, so that the machine keeps its list of architectures, and no other apt's
# lock can be in the way.  Nothing that it downloads is installed.  Sourced, after common.sh.

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# The machine's own release of Debian.
own_codename() {
	# shellcheck source=/dev/null
	(. /etc/os-release && echo "$VERSION_CODENAME")
}

# sources CODENAME: lines of a source list for that release of Debian, from wherever the machine has
# its own release.
sources() {
	local here uri release component signed=
	here=$(own_codename)
	[ ! -e "$KEYRING" ] || signed="[signed-by=$KEYRING] "
	env -u APT_CONFIG apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		sort -u | while read -r uri release component; do
		case $1,$component,$release in
		sid,main,"$here-"* | experimental,main,"$here-"*) ;; # these two have nothing beside them
		*",main,$here" | *",main,$here-updates" | *",main,$here-security")
			echo "deb $signed$uri $1${release#"$here"} main"
			;;
		esac
	done
}

# use_sources FOLDER CODENAME: for another release than the machine's, whose own list would do.
use_sources() {
	sources "$2" >"$1/sources.list"
	[ -s "$1/sources.list" ] ||
		die "this machine's apt has no source of its own release, $(own_codename), beside which $2 would be: add one"
	cat >>"$1/apt.conf" <<-END
		Dir::Etc::SourceList "$1/sources.list";
		Dir::Etc::SourceParts "-";
	END
}

# configure_apt FOLDER CODENAME ARCHITECTURE...: apt has its lists in FOLDER, and looks for packages
# of that release and of the first of these architectures.
configure_apt() {
	local apt=$1 codename=$2
	shift 2
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
	[ "$codename" = "$(own_codename)" ] || use_sources "$apt" "$codename"
	export APT_CONFIG=$apt/apt.conf
}
