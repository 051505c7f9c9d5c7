#!/usr/bin/env bash
# Installs what scripts/dependencies.txt lists and is missing.
#
# usage: scripts/install-dependencies.sh [build|go|npm|test|lint|toolchains]...      (default: build)
#
# Works as root or through sudo. When nothing is missing it asks nobody, needs no network and takes a moment.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
list=$here/dependencies.txt

section() { # NAME: first word of each of its lines
	awk -v want="[$1]" '/^\[/ { on = ($1 == want) } on && /^[^[#]/ && NF { print $1 }' "$list"
}

missing_of() { # PACKAGE...
	# dpkg-query fails when it does not know one of them; those are missing, too.
	{
		dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true
		printf '%s wanted\n' "$@"
	} | awk '$2 == "installed" { have[$1] = 1 } $2 == "wanted" && !($1 in have) && !seen[$1]++ { print $1 }'
}

apt() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
		-o Acquire::Retries=3 "$@" >>"$log" 2>&1
}

install_packages() { # PACKAGE...
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		echo "install-dependencies: this is not a Debian; going on as if these, or their like, were installed:" >&2
		echo "  $*" >&2
		return
	fi
	local missing
	mapfile -t missing < <(missing_of "$@")
	if ((${#missing[@]} == 0)); then
		return
	fi
	as_root=()
	if ((EUID != 0)); then
		if ! command -v sudo >/dev/null; then
			echo "install-dependencies: not root and no sudo; run as root: apt-get install ${missing[*]}" >&2
			exit 1
		fi
		as_root=(sudo "--preserve-env=http_proxy,https_proxy,no_proxy")
	fi
	echo "installing: ${missing[*]}" >&2
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	# A list that cannot be refreshed (a third party's, say) matters only if the packages cannot be had then.
	apt update || true
	if ! apt install -y --no-install-recommends "${missing[@]}"; then
		cat "$log" >&2
		echo "install-dependencies: apt-get failed" >&2
		exit 1
	fi
}

packages=()
toolchains=()
for name in "${@:-build}"; do
	case $name in
	build | test | lint)
		mapfile -t -O "${#packages[@]}" packages < <(section "$name")
		;;
	go | npm) # wherever it comes from: any Go can fetch any other
		command -v "$name" >/dev/null || mapfile -t -O "${#packages[@]}" packages < <(section "$name")
		;;
	toolchains)
		mapfile -t toolchains < <(section toolchains)
		;;
	*)
		echo "install-dependencies: no section '$name' in $list" >&2
		exit 2
		;;
	esac
done
if ((${#packages[@]} > 0)); then
	install_packages "${packages[@]}"
fi
for version in "${toolchains[@]}"; do
	"$here/go-toolchain.sh" "$version" >/dev/null
done
