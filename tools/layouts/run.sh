#!/bin/sh
# Regenerates src/golang/layouts.gen.c. Arguments are Go versions to add first ("1.28.0" or "go1.28.0"), or options of the
# generator (-check, -v). Toolchains that are not installed are downloaded by the go command.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$root/tools/layouts" && go build -o "$work/layouts" .)
cd "$root"
options=
versions=
for argument; do
	case $argument in
	-*) options="$options $argument" ;;
	go*) versions="$versions $argument" ;;
	*) versions="$versions go$argument" ;;
	esac
done
if [ -z "$versions" ]; then
	# shellcheck disable=SC2086 # options is a list of words
	"$work/layouts" $options
fi
for version in $versions; do
	# shellcheck disable=SC2086
	"$work/layouts" $options -add "$version"
done
