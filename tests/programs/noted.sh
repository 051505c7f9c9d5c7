#!/usr/bin/env bash
# Prints the path of a real server whose allocator notes the type of every allocation (tests/oracle/shadow.py), built by a
# Go release with symbols and debug information; releases.txt says which release of the server that is.
#
# usage: tests/programs/noted.sh nats-server|caddy|etcd GO
#
# Kept in ${HELDBY_CACHE:-~/.cache/heldby}/programs; one takes minutes. Exit status 75: the network is not there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${HELDBY_CACHE:-${HOME:?}/.cache/heldby}
name=$1 go=$2

case $name in
nats-server) column=2 module=github.com/nats-io/nats-server/v2 package=$module ;;
caddy) column=3 module=github.com/caddyserver/caddy/v2 package=$module/cmd/caddy ;;
etcd) column=4 module=go.etcd.io/etcd/server/v3 package=$module ;;
*)
	echo "noted: no such server: $name" >&2
	exit 2
	;;
esac
version=$(awk -v go="$go" -v column="$column" '$1 == go { print $column }' "$here/releases.txt")
if [[ -z $version ]]; then
	echo "noted: releases.txt has no $name for Go $go" >&2
	exit 2
fi

goroot=$("$here/../../scripts/go-toolchain.sh" "$go") || exit 75
overlay=$("$here/../oracle/shadow.py" "$goroot" "$cache/shadow")
folder=$cache/programs/noted-$name-$version-go$go-$(basename "$(dirname "$overlay")")
if [[ -x $folder/$name ]]; then
	echo "$folder/$name"
	exit 0
fi
mkdir -p "$cache/programs"
work=$(mktemp -d "$cache/programs/.get-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/result"
export GOROOT=$goroot GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=mod CGO_ENABLED=0
[[ ! $go =~ ^1\.2[6-9] ]] || export GOEXPERIMENT=norandomizedheapbase64,nosizespecializedmalloc
# A module of our own that needs the server: some have replacements in their go.mod, which `go install` refuses.
cd "$work"
printf 'package tools\n\nimport _ "%s"\n' "$package" >tools.go
{
	"$goroot/bin/go" mod init heldby/noted && "$goroot/bin/go" get "$package@v$version" &&
		"$goroot/bin/go" build -trimpath -buildvcs=false -overlay "$overlay" -o "$work/result/$name" "$package"
} >log 2>&1 || {
	cat log >&2
	exit 75
}
rm -rf "$folder"
mv result "$folder"
echo "$folder/$name"
