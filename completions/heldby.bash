# bash completion for heldby

_heldby_targets() { # PREFIX: pids and names of processes
	local directory name
	for directory in /proc/[0-9]*; do
		# Kernel threads have no command line.
		if ! { read -r -d '' -n 1 _ <"$directory/cmdline"; } 2>/dev/null; then
			continue
		fi
		[[ ${directory#/proc/} == "$1"* ]] && echo "${directory#/proc/}"
		# Anyone may name a process anything: only plain names are offered.
		if { read -r name <"$directory/comm"; } 2>/dev/null && [[ $name == "$1"* && $name != *[!A-Za-z0-9._+-]* ]]; then
			echo "$name"
		fi
	done | sort -u
}

_heldby() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' word
	local common='--debug-file --color --quiet --verbose --help' capture='--max-pause --capture --output'
	local report="$common $capture --format --top --show-data --wait --suppressions --fail-on"
	local exec="$common --output --format --top --show-data --at --signal --children --suppressions --fail-on"
	local watch="$common --max-pause --output --format --top --show-data --suppressions --fail-on --every --for --history"
	local diff="$common --max-pause --output --format --top"
	COMPREPLY=()
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		report | watch | diff | exec | snapshot | explain | doctor)
			command=$word
			break
			;;
		-*) ;;
		*) break ;;
		esac
	done
	if [[ $command == explain && $previous == explain && $current != -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(heldby explain 2>/dev/null | cut -d' ' -f1)" -- "${current^^}")
		return
	fi
	case $previous in
	--format)
		mapfile -t COMPREPLY < <(compgen -W 'text json sarif junit github markdown pprof' -- "$current")
		return
		;;
	--capture)
		mapfile -t COMPREPLY < <(compgen -W 'auto copy' -- "$current")
		return
		;;
	--fail-on)
		mapfile -t COMPREPLY < <(compgen -W 'proven likely' -- "$current")
		return
		;;
	--color)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
		return
		;;
	--signal)
		mapfile -t COMPREPLY < <(compgen -W 'USR1 USR2' -- "$current")
		return
		;;
	--top | --max-pause | --wait | --at | --every | --for)
		return
		;;
	-o | --output | --debug-file | --suppressions | --history)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	esac
	if [[ $current == -* ]]; then
		case $command in
		'') word="$report --at --signal --children --every --for --history --version" ;;
		exec) word=$exec ;;
		report) word=$report ;;
		watch) word=$watch ;;
		diff) word=$diff ;;
		snapshot) word="$common $capture" ;;
		explain) word="$common --max-pause --capture" ;;
		doctor) word=$common ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current")
		return
	fi
	if [[ $command == exec ]]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$current")
		return
	fi
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(
		if [[ -z $command ]]; then
			compgen -W 'report watch diff exec snapshot explain doctor' -- "$current"
		fi
		_heldby_targets "$current"
		compgen -f -- "$current"
	)
}

complete -F _heldby heldby
