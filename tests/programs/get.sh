#!/usr/bin/env bash
# Prints the path of a real program, of a fixed version, that the tests examine; gets it first if need be.
#
# usage: tests/programs/get.sh nats-server|caddy|etcd|esbuild|esbuild-RELEASE|tsgo|rxjs|sarif-multitool
#
# The servers are built stripped, from the Go module proxy; esbuild and tsgo (TypeScript's compiler in Go) are the stripped
# binaries that npm ships, rxjs is TypeScript source for tsgo to look at. Kept in ${HELDBY_CACHE:-~/.cache/heldby}/programs;
# getting all takes some minutes, once. Exit status 75: the network or a tool is not there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${HELDBY_CACHE:-${HOME:?}/.cache/heldby}/programs
name=$1

case $name in
nats-server) version=2.15.2 from=github.com/nats-io/nats-server/v2@v2.15.2 ;;
caddy) version=2.11.9 from=github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9 ;;
etcd) version=3.7.3 from=go.etcd.io/etcd/server/v3 ;; # its go.mod replaces modules: needs one of our own
esbuild) version=0.28.2 from=@esbuild/linux-x64@0.28.2 path=node_modules/@esbuild/linux-x64/bin/esbuild ;;
esbuild-0.1[2-5].*) # each esbuild is built with the Go of its day
	version=${name#esbuild-} from=esbuild-linux-64@$version path=node_modules/esbuild-linux-64/bin/esbuild
	;;
esbuild-0.*)
	version=${name#esbuild-} from=@esbuild/linux-x64@$version path=node_modules/@esbuild/linux-x64/bin/esbuild
	;;
tsgo)
	version=7.0.0-dev.20260707.2 from=@typescript/native-preview-linux-x64@7.0.0-dev.20260707.2
	path=node_modules/@typescript/native-preview-linux-x64/lib/tsgo
	;;
rxjs) version=7.8.2 from=rxjs@7.8.2 path=node_modules/rxjs/src ;;
sarif-multitool) # validates SARIF, by its schema and by what the schema cannot say
	version=5.7.0 from=@microsoft/sarif-multitool-linux@5.7.0 path=node_modules/@microsoft/sarif-multitool-linux
	;;
*)
	echo "get: no such program: $name" >&2
	exit 2
	;;
esac

mkdir -p "$cache"
folder=$cache/${name%-"$version"}-$version
result=$folder/${path:-$name}
if [[ -e $result ]]; then
	echo "$result"
	exit 0
fi
exec 9>"$cache/.lock-$name"
flock 9 # two tests may want it at once
if [[ -e $result ]]; then
	echo "$result"
	exit 0
fi
work=$(mktemp -d "$cache/.get-XXXXXX")
trap 'rm -rf "$work"' EXIT
if [[ -n ${path:-} ]]; then
	command -v npm >/dev/null || exit 75
	npm install --prefix "$work" --no-save --ignore-scripts --no-audit --no-fund "$from" >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		exit 75
	}
else
	goroot=$("$here/../../scripts/go-toolchain.sh" 1.26.8) || exit 75
	export GOROOT=$goroot GOTOOLCHAIN=local GOWORK=off GOFLAGS='' CGO_ENABLED=0 GOBIN=$work
	build=("$goroot/bin/go" install -trimpath -buildvcs=false -ldflags '-s -w' "$from")
	if [[ $name == etcd ]]; then
		build=("$goroot/bin/go" build -trimpath -buildvcs=false -ldflags '-s -w' -o "$work/etcd" "$from")
		cd "$here/etcd"
	else
		cd /
	fi
	"${build[@]}" >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		exit 75
	}
fi
rm "$work/log"
rm -rf "$folder"
mv "$work" "$folder"
trap - EXIT
echo "$result"
