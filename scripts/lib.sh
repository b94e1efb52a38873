# SPDX-License-Identifier: BSD-3-Clause
# Shared by setup, demo, test and lint. Bash. Sets ROOT and moves there.

set -eu
set -o pipefail
trap 'exit 130' INT # ninja and pytest end on Ctrl-C as if they had failed: the script would go on
# Debian's own tools: another Python or meson on the PATH may lack what Debian's brings.
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
# What tools say is looked at here and in the tests.
export LC_ALL=C.UTF-8
ROOT=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

PACKAGES_BUILD="gcc libc6-dev meson ninja-build pkg-config libdpdk-dev libssl-dev libyaml-dev libcmocka-dev"
PACKAGES_DEMO="python3 iproute2 ethtool curl openssl"
PACKAGES_TEST="clang clang-format cppcheck python3-pytest nginx-light"
PACKAGES_BENCH="haproxy nginx-light wrk dpdk-dev"

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# step TEXT: the next of $STEPS steps
STEP=0
step() {
	STEP=$((STEP + 1))
	say "[$STEP/$STEPS] $*"
}

# Clients and servers here talk to each other, never to the proxy that apt-get may have needed.
without_proxy() { unset {http,https,ftp,all,no}_proxy {HTTP,HTTPS,FTP,ALL,NO}_PROXY; }

need_root() {
	[ "$(id -u)" = 0 ] || fail "network namespaces and packages need root: run it with sudo"
}

is_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# A service that a package brings must not start: the tests run their own on addresses of their own.
# The file is ours by its mark, so that one left behind by a killed run goes with the next.
SERVICES_OFF_MARK="# put here for the time of one installation by lyncgate's scripts"
without_services() {
	local rc=0 policy=/usr/sbin/policy-rc.d
	if [ -e "$policy" ] && ! grep -qxF "$SERVICES_OFF_MARK" "$policy"; then
		"$@" || rc=$?
		return "$rc"
	fi
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	printf '#!/bin/sh\n%s\nexit 101\n' "$SERVICES_OFF_MARK" >"$policy"
	chmod 755 "$policy"
	"$@" || rc=$?
	rm -f "$policy"
	trap - EXIT TERM HUP
	return "$rc"
}

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 "$@" </dev/null
}

# install_packages NAME...: those that are missing
install_packages() {
	local missing=() name
	command -v dpkg-query >/dev/null || fail "this needs Debian 12 or a relative of it (no dpkg here); packages: $*"
	for name in "$@"; do
		is_installed "$name" || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || { say "      all there"; return 0; }
	need_root
	say "      installing ${missing[*]}"
	apt update >/dev/null || say "      (apt-get update failed: trying with the lists that are there)"
	without_services apt_install "${missing[@]}" ||
		fail "these packages could not be installed (see above): ${missing[*]}"
}

apt_install() {
	# An installation that was cut off earlier is finished first, or apt-get refuses. One that is going on
	# holds the lock: dpkg gives up at once, apt-get waits for it.
	[ -z "$(ls -A /var/lib/dpkg/updates)" ] ||
		DEBIAN_FRONTEND=noninteractive dpkg --configure -a </dev/null >/dev/null 2>&1 || true
	apt install -y --no-install-recommends "$@" | progress '^(Get|Unpacking|Setting up)' 40
}

# progress PATTERN N: of the lines that match PATTERN, every Nth; all others that say something went wrong
progress() {
	awk -v pattern="$1" -v every="$2" '
		$0 ~ pattern { if (++n % every == 0) { print "      " substr($0, 1, 100); fflush() } next }
		/[Ee]rror: |ERROR|warning: |FAILED|^E:|^W:|^dpkg: / { shown = 25 }
		shown > 0 { print; fflush(); shown-- }'
}

# build_in FOLDER OPTION...: configures once, compiles what changed
build_in() {
	local folder=$1
	shift
	if [ ! -f "$folder/build.ninja" ]; then
		rm -rf "$folder" # cut off while it was configured: meson would take it as done
		meson setup "$folder" "$@" >"$folder.log" 2>&1 || {
			cat "$folder.log"
			rm -f "$folder.log"
			build_failed "configuring $folder"
			return 1
		}
		rm -f "$folder.log"
	fi
	ninja -C "$folder" | progress '^\[[0-9]+/[0-9]+\]' 50 || { build_failed "compiling in $folder"; return 1; }
}

build_failed() { printf '%s: %s failed: see above\n' "${0##*/}" "$1" >&2; }
