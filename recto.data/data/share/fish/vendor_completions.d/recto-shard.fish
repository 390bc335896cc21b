# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_recto_shard_global_optspecs
    string join \n report= partial-ok q/quiet progress= csv-safe h/help V/version
end

function __fish_recto_shard_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_recto_shard_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_recto_shard_using_subcommand
    set -l cmd (__fish_recto_shard_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c recto-shard -n "__fish_recto_shard_needs_command" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto-shard -n "__fish_recto_shard_needs_command" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto-shard -n "__fish_recto_shard_needs_command" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto-shard -n "__fish_recto_shard_needs_command" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto-shard -n "__fish_recto_shard_needs_command" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto-shard -n "__fish_recto_shard_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto-shard -n "__fish_recto_shard_needs_command" -s V -l version -d 'Print version'
complete -c recto-shard -n "__fish_recto_shard_needs_command" -f -a "plan" -d 'Divide a localizations.json among workers: a folder with a part for each, and plan.json'
complete -c recto-shard -n "__fish_recto_shard_needs_command" -f -a "merge" -d 'Merge the folders of workers into one: images, journal, image map and failures as one worker would have written them'
complete -c recto-shard -n "__fish_recto_shard_needs_command" -f -a "status" -d 'Report the progress of each worker, from the files of the plan and of the workers'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand plan" -s n -l shards -d 'Number of shards' -r
complete -c recto-shard -n "__fish_recto_shard_using_subcommand plan" -s o -l output -d 'The folder of the plan; it must not exist, or hold a plan, which is replaced' -r -F
complete -c recto-shard -n "__fish_recto_shard_using_subcommand plan" -l rewrite -d 'Plan for requests to URLs that begin with FROM as if they began with TO (repeatable), as recto-download --rewrite' -r
complete -c recto-shard -n "__fish_recto_shard_using_subcommand plan" -l archives -d 'A table of archives with their limits, as recto-download --archives' -r -F
complete -c recto-shard -n "__fish_recto_shard_using_subcommand plan" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto-shard -n "__fish_recto_shard_using_subcommand plan" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto-shard -n "__fish_recto_shard_using_subcommand plan" -l whole-hosts -d 'Keep each host in one shard, however many images it has. Without it a host with more than its share is divided among as many shards as it allows requests at once, each with that part of its rate limit'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand plan" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand plan" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand plan" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand merge" -l image-map -d 'Write the image map to FILE' -r -F
complete -c recto-shard -n "__fish_recto_shard_using_subcommand merge" -l failures -d 'Write the list of what no worker could download to FILE' -r -F
complete -c recto-shard -n "__fish_recto_shard_using_subcommand merge" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto-shard -n "__fish_recto_shard_using_subcommand merge" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto-shard -n "__fish_recto_shard_using_subcommand merge" -l move -d 'Move files instead of linking or copying them'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand merge" -l break-lock -d 'In an object store, take over the locks left by runs that were killed on other machines'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand merge" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand merge" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand merge" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand merge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand status" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto-shard -n "__fish_recto_shard_using_subcommand status" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto-shard -n "__fish_recto_shard_using_subcommand status" -l failed -d 'Print only the numbers of the shards that another run may complete, such as 0,3-5: for `--array=` of a scheduler'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand status" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand status" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand status" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto-shard -n "__fish_recto_shard_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
