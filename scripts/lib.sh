# SPDX-License-Identifier: BSD-3-Clause
# Shared by setup, demo, test and lint. Bash. Sets ROOT and moves there.

set -eu
set -o pipefail
# Debian's own tools: another Python or meson on the PATH may lack what Debian's brings.
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
ROOT=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

PACKAGES_BUILD="gcc libc6-dev meson ninja-build pkg-config libdpdk-dev libssl-dev libyaml-dev libcmocka-dev"
PACKAGES_DEMO="python3 iproute2 ethtool curl openssl"
PACKAGES_TEST="clang clang-format cppcheck python3-pytest nginx-light"

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# step TEXT: the next of $STEPS steps
STEP=0
step() {
	STEP=$((STEP + 1))
	say "[$STEP/$STEPS] $*"
}

need_root() {
	[ "$(id -u)" = 0 ] || fail "network namespaces and packages need root: run it with sudo"
}

is_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# A service that a package brings must not start: the tests run their own on addresses of their own.
without_services() {
	local rc=0 policy=/usr/sbin/policy-rc.d
	if [ -e "$policy" ]; then
		"$@" || rc=$?
		return "$rc"
	fi
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	"$@" || rc=$?
	rm -f "$policy"
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
	without_services apt install -y --no-install-recommends "${missing[@]}" | progress '^(Get|Unpacking|Setting up)' 40
}

# progress PATTERN N: of the lines that match PATTERN, every Nth; all others that say something went wrong
progress() {
	awk -v pattern="$1" -v every="$2" '
		$0 ~ pattern { if (++n % every == 0) { print "      " substr($0, 1, 100); fflush() } next }
		/error|warning|FAILED|^E:|^W:/ { shown = 25 }
		shown > 0 { print; fflush(); shown-- }'
}

# build_in FOLDER OPTION...: configures once, compiles what changed
build_in() {
	local folder=$1
	shift
	if [ ! -f "$folder/build.ninja" ]; then
		meson setup "$folder" "$@" >"$folder.log" 2>&1 || { cat "$folder.log"; rm -f "$folder.log"; return 1; }
		rm -f "$folder.log"
	fi
	ninja -C "$folder" | progress '^\[[0-9]+/[0-9]+\]' 50
}
