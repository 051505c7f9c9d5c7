# fish completion for heldby

function __heldby_targets
    for directory in (string match -r '^/proc/\\d+$' /proc/*)
        # Kernel threads have no command line.
        if test -n "$(string replace -a \0 '' <$directory/cmdline 2>/dev/null)"
            set -l name (cat $directory/comm 2>/dev/null)
            printf '%s\t%s\n' (path basename $directory) $name $name process
        end
    end
end

set -l commands report watch diff exec snapshot explain doctor
set -l no_command "not __fish_seen_subcommand_from $commands"
set -l reports "not __fish_seen_subcommand_from snapshot explain doctor"
set -l writes "not __fish_seen_subcommand_from explain doctor"
set -l attaches "not __fish_seen_subcommand_from exec doctor"
set -l captures "not __fish_seen_subcommand_from watch diff exec doctor"
set -l judges "not __fish_seen_subcommand_from diff snapshot explain doctor"
set -l waits "not __fish_seen_subcommand_from watch diff exec snapshot explain doctor"
set -l watches "not __fish_seen_subcommand_from report diff exec snapshot explain doctor"
set -l runs "not __fish_seen_subcommand_from report watch diff snapshot explain doctor"

complete -c heldby -n "$no_command" -a report -d 'Say who holds the memory of a target'
complete -c heldby -n "$no_command" -a watch -d 'Look again and again, and say what only grows'
complete -c heldby -n "$no_command" -a diff -d 'Say what became more from one moment to another'
complete -c heldby -n "$no_command" -a exec -d 'Run a command and examine it at its end'
complete -c heldby -n "$no_command" -a snapshot -d 'Write the memory of a target as a core file'
complete -c heldby -n "$no_command" -a explain -d 'Say what a kind of leak is, and how to repair it'
complete -c heldby -n "$no_command" -a doctor -d 'Say whether a target may be examined'
complete -c heldby -a '(__heldby_targets)'
complete -c heldby -n '__fish_seen_subcommand_from exec' -a '(__fish_complete_subcommand --fcs-skip=2)'
complete -c heldby -n '__fish_seen_subcommand_from explain' -a "(heldby explain 2>/dev/null | string replace -r '  +' \t)"

complete -c heldby -n "$reports" -l format -x -a 'text json sarif junit github markdown pprof' -d 'Form of the report'
complete -c heldby -n "$reports" -l top -x -d 'Rows of each list'
complete -c heldby -n "$writes" -s o -l output -r -d 'Write to a file'
complete -c heldby -n "$attaches" -l max-pause -x -d 'Refuse a longer pause than this'
complete -c heldby -n "$captures" -l capture -x -a 'auto copy' -d 'How memory is read'
complete -c heldby -n "$waits" -l wait -x -d 'Look again until then, to say what only grows'
complete -c heldby -n "$watches" -l every -x -d 'From one look to the next'
complete -c heldby -n "$watches" -l for -x -d 'Stop watching after that time'
complete -c heldby -n "$watches" -l history -r -d 'SQLite file that keeps what was counted'
complete -c heldby -n "$judges" -l suppressions -r -d 'Leave out the findings that a file names'
complete -c heldby -n "$judges" -l fail-on -x -a 'proven likely' -d 'Exit 1 when there is such a finding'
complete -c heldby -n "$runs" -l at -x -d 'Also examine it that long after its start'
complete -c heldby -n "$runs" -l signal -x -a 'USR1 USR2' -d 'Also when this process is sent that signal'
complete -c heldby -n "$runs" -l children -d 'Also examine the processes that it starts'
complete -c heldby -n "$judges" -l show-data -d 'Show contents of the heap'
complete -c heldby -l debug-file -r -d 'Separate debug information'
complete -c heldby -l color -x -a 'auto always never' -d 'Colour the text'
complete -c heldby -s q -l quiet -d 'No progress and no notes'
complete -c heldby -s v -l verbose -d 'Also show addresses and times'
complete -c heldby -s h -l help -d 'Show the usage'
complete -c heldby -n "$no_command" -l version -d 'Show the version'
