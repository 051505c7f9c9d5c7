#!/usr/bin/env bash
# Prints the GOROOT of a Go release, fetching it first if need be.
#
# usage: scripts/go-toolchain.sh [VERSION]      1.26.8 or go1.26.8; without: any Go >= 1.24, preferably the installed one
#
# A release comes as the module golang.org/toolchain from the Go module proxy (GOPROXY is respected), through whatever
# Go is installed, even one from before that module existed. It is kept in ${HELDBY_CACHE:-~/.cache/heldby}/go/VERSION.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${HELDBY_CACHE:-${HOME:?}/.cache/heldby}
oldest_default=1.24

die() {
	echo "go-toolchain: $*" >&2
	exit 1
}

installed_version() { # of the go in PATH, "" without one
	# In /: the go.mod or go.work of some project must not select another toolchain.
	(cd / && GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed -n 's/^go\([^ -]*\).*/\1/p') || true
}

at_least() { # OLDEST VERSION
	printf '%s\n' "$1" "$2" | sort -V -C
}

installed=$(installed_version)
version=${1:-}
version=${version#go}
if [[ -z $version ]]; then
	if [[ -n $installed ]] && at_least "$oldest_default" "$installed"; then
		version=$installed
	else
		version=$(awk '/^\[/ { on = ($1 == "[toolchains]") } on && /^[0-9]/ { print $1; exit }' "$here/dependencies.txt")
	fi
fi
[[ $version =~ ^1(\.[0-9]+){1,2}([a-z]+[0-9]+)?$ ]] || die "not a Go version: '$version'"

if [[ $version == "$installed" ]]; then
	cd / && GOTOOLCHAIN=local exec go env GOROOT
fi

root=$cache/go/$version
if [[ -x $root/bin/go ]]; then
	echo "$root"
	exit 0
fi

case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) die "no Go toolchain module for $(uname -m)" ;;
esac
module=golang.org/toolchain@v0.0.1-go$version.linux-$arch

if [[ -z $installed ]]; then
	"$here/install-dependencies.sh" go
	[[ -n $(installed_version) ]] || die "no Go to fetch Go $version with: install one"
fi

# Where a go command fetched it before, it is complete once src/go.mod exists (cmd/go/internal/toolchain, Go 1.21-1.27).
# Releases before 1.21 cannot build from inside the module cache.
shared=$(cd / && GOTOOLCHAIN=local go env GOMODCACHE)/$module
if at_least 1.21 "$version" && [[ -x $shared/bin/go && -f $shared/src/go.mod ]]; then
	echo "$shared"
	exit 0
fi

mkdir -p "$cache/go"
exec 9>"$cache/go/.lock-$version"
flock 9 # two tests may ask for the same release at once
if [[ -x $root/bin/go ]]; then
	echo "$root"
	exit 0
fi
echo "fetching Go $version" >&2
work=$(mktemp -d "$cache/go/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT
(cd / && GOTOOLCHAIN=local GOFLAGS=-modcacherw GOMODCACHE=$work go mod download "$module" >&2) ||
	die "cannot fetch Go $version: is the Go module proxy reachable? (go env GOPROXY)"

# What a go command does with the module before it runs it: modules carry neither go.mod files of their own nor modes.
tree=$work/$module
while read -r file; do
	cp "$file" "${file%/_go.mod}/go.mod"
done < <(find "$tree" -name _go.mod)
find "$tree/bin" "$tree/pkg/tool" -type f -exec chmod +x {} +
find "$tree/lib" "$tree/misc" -name 'go_?*_?*_exec' -exec chmod +x {} + 2>/dev/null || true
mv "$tree" "$root"
echo "$root"
