#!/usr/bin/env bash
# Puts the report that ./run.sh prints now between the two marks of README.md.
#
# usage: scripts/update-readme-report.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

output=$(./run.sh)
report=$(sed -n '/^\$ heldby /,$p' <<<"$output" | sed 's/[[:space:]]*$//')
if [[ $(wc -l <<<"$report") -lt 3 ]]; then
	printf 'update-readme-report: ./run.sh printed no report:\n%s\n' "$output" >&2
	exit 1
fi

new=$(mktemp README.md.XXXXXX)
trap 'rm -f "$new"' EXIT
REPORT=$report awk '
	/^<!-- report:begin/ { print; print "```"; print ENVIRON["REPORT"]; print "```"; inside = 1; begun++ }
	/^<!-- report:end/ { inside = 0; ended++ }
	!inside && !/^<!-- report:begin/ { print }
	END { exit !(begun == 1 && ended == 1) }
' README.md >"$new" || {
	echo "update-readme-report: README.md has no pair of report:begin and report:end" >&2
	exit 1
}
chmod --reference=README.md "$new"
mv "$new" README.md
