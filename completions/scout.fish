function __scout_should_offer_completions_for_flags_or_options -a expected_commands
    set -l non_repeating_flags_or_options $argv[2..]
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __scout_parse_tokens
    test "$commands" = "$expected_commands"; and return $non_repeating_flags_or_options_absent
end

function __scout_should_offer_completions_for_positional -a expected_commands positional_index_comparison expected_positional_index
    set -l non_repeating_flags_or_options
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __scout_parse_tokens
    test "$commands" = "$expected_commands" -a \( "$positional_index" "$positional_index_comparison" "$expected_positional_index" \)
end

function __scout_parse_tokens -S
    set -l unparsed_tokens (__scout_tokens -pc)
    switch $unparsed_tokens[1]
    case 'scout'
        __scout_parse_subcommand 0 'version' 'h/help'
        switch $unparsed_tokens[1]
        case 'target'
            __scout_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'add'
                __scout_parse_subcommand 2 'identity=' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
            case 'list'
                __scout_parse_subcommand 0 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
            case 'show'
                __scout_parse_subcommand 1 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
            case 'use'
                __scout_parse_subcommand 1 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
            case 'remove'
                __scout_parse_subcommand 1 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
            end
        case 'status'
            __scout_parse_subcommand 0 'watch' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
        case 'evidence'
            __scout_parse_subcommand 0 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
        case 'acquire'
            __scout_parse_subcommand 2 'hash=' 'no-verify' 'verify-source' 'connections=' 'case=' 'evidence=' 'examiner=' 'notes=' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
        case 'verify'
            __scout_parse_subcommand 1 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
        case 'hash'
            __scout_parse_subcommand 1 'hash=' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
        case 'serve'
            __scout_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'nbd'
                __scout_parse_subcommand 1 'port=' 'name=' 'allow=+' 'tls=' 'psk-file=' 'partition=' 'offset=' 'length=' 'idle-timeout=' 'max-clients=' 'foreground' 'writable' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
            end
        case 'ports'
            __scout_parse_subcommand 0 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
        case 'release'
            __scout_parse_subcommand 1 'all' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
        case 'forwards'
            __scout_parse_subcommand 0 'via=' 'from=' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
        case 'doctor'
            __scout_parse_subcommand 1 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
        case 'exec'
            __scout_parse_subcommand -r 1 'tty' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
        case 'host'
            __scout_parse_subcommand 0 'version' 'h/help'
            switch $unparsed_tokens[1]
            case 'forwarding'
                __scout_parse_subcommand 0 'version' 'h/help'
                switch $unparsed_tokens[1]
                case 'show'
                    __scout_parse_subcommand 0 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
                case 'apply'
                    __scout_parse_subcommand 0 'dry-run' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
                end
            case 'lan'
                __scout_parse_subcommand 0 'version' 'h/help'
                switch $unparsed_tokens[1]
                case 'enable'
                    __scout_parse_subcommand 0 'y/yes' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
                case 'disable'
                    __scout_parse_subcommand 0 'y/yes' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
                case 'status'
                    __scout_parse_subcommand 0 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
                end
            case 'control'
                __scout_parse_subcommand 0 'version' 'h/help'
                switch $unparsed_tokens[1]
                case 'enable'
                    __scout_parse_subcommand 0 'y/yes' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
                case 'disable'
                    __scout_parse_subcommand 0 'y/yes' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
                case 'status'
                    __scout_parse_subcommand 0 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
                end
            case 'agent'
                __scout_parse_subcommand 0 'socket=' 't/target=' 'json' 'v/verbose' 'q/quiet' 'topology=' 'config=' 'accept-host-key=' 'version' 'h/help'
            end
        case 'help'
            __scout_parse_subcommand -r 1 'version'
        end
    end
end

function __scout_tokens
    if test (string split -m 1 -f 1 -- . "$FISH_VERSION") -gt 3
        commandline --tokens-raw $argv
    else
        commandline -o $argv
    end
end

function __scout_parse_subcommand -S -a positional_count
    argparse -s r -- $argv
    set -l option_specs $argv[2..]
    set -l is_repeating_positional $_flag_r
    set -el _flag_r
    set -a commands $unparsed_tokens[1]
    set positional_index 0
    while true
        set -e unparsed_tokens[1]
        argparse -sn "$commands" $option_specs -- $unparsed_tokens 2> /dev/null
        set unparsed_tokens $argv
        set positional_index (math $positional_index + 1)
        for non_repeating_flag_or_option in $non_repeating_flags_or_options
            if set -ql "_flag_$(string replace -a - _ -- $non_repeating_flag_or_option)"
                set non_repeating_flags_or_options_absent 1
                break
            end
        end
        test (count $unparsed_tokens) -eq 0 -o \( -z "$is_repeating_positional" -a "$positional_index" -gt "$positional_count" \) && break
    end
end

function __scout_complete_directories
    set -l token (commandline -t)
    string match -- '*/' $token
    set -l subdirs $token*/
    printf %s\n $subdirs
end

function __scout_custom_completion
    set -x SAP_SHELL fish
    set -x SAP_SHELL_VERSION $FISH_VERSION
    set -l tokens (__scout_tokens -p)
    if test -z "$(__scout_tokens -t)"
        set -l index (count (__scout_tokens -pc))
        set tokens $tokens[..$index] \'\' $tokens[(math $index + 1)..]
    end
    command $tokens[1] $argv $tokens
end

complete -c 'scout' -f
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'target' -d 'Name the scouts you work on.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'status' -d 'One page: link, session, forwards, ports, running acquisitions.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'evidence' -d 'List evidence and storage devices: size, partitions, who exports them.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'acquire' -d 'Image evidence onto this machine, hashed, verified and recorded.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'verify' -d 'Compare an image with the manifest that its acquisition wrote.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'hash' -d 'Hash a device or file where it lies, in the container.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'serve' -d 'Serve something on a reserved port.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'ports' -d 'Show the reserved ports: what is served, to whom, how much.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'release' -d 'End a service and free its port.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'forwards' -d 'Show what the host forwards, from the VPN and from the owner\'s network.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'doctor' -d 'Check every hop to a port of the container: which fails, why, and who can mend it.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'exec' -d 'Run one command in the container.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'host' -d 'On the LiveOS host: its firewall, the owner\'s two switches, the agent.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout" -eq 1' -fa 'help' -d 'Show subcommand help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout target" -eq 1' -fa 'add' -d 'Add a scout; the first becomes the default.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout target" -eq 1' -fa 'list' -d 'List the scouts; a star marks the default.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout target" -eq 1' -fa 'show' -d 'Show one scout; the default where none is named.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout target" -eq 1' -fa 'use' -d 'Make a scout the default.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout target" -eq 1' -fa 'remove' -d 'Forget a scout.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target add" identity' -l 'identity' -d 'The private key for it.' -rF
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target add" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion target add -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target add" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target add" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target add" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target add" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target add" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target add" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target add" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target add" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target list" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion target list -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target list" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target list" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target list" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target list" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target list" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target list" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target list" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target list" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout target show" -eq 1' -fka '(__scout_custom_completion ---completion target show -- positional@0 (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target show" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion target show -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target show" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target show" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target show" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target show" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target show" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target show" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target show" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target show" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout target use" -eq 1' -fka '(__scout_custom_completion ---completion target use -- positional@0 (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target use" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion target use -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target use" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target use" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target use" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target use" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target use" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target use" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target use" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target use" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout target remove" -eq 1' -fka '(__scout_custom_completion ---completion target remove -- positional@0 (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target remove" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion target remove -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target remove" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target remove" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target remove" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target remove" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target remove" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target remove" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target remove" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout target remove" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout status" watch' -l 'watch' -d 'Show it anew every two seconds, until Ctrl-C.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout status" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion status -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout status" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout status" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout status" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout status" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout status" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout status" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout status" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout status" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout evidence" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion evidence -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout evidence" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout evidence" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout evidence" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout evidence" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout evidence" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout evidence" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout evidence" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout evidence" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout acquire" -eq 1' -fka '(__scout_custom_completion ---completion acquire -- positional@0 (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout acquire" -eq 2' -F
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" hash' -l 'hash' -d 'Which hashes: md5, sha1, sha256, sha512, or none.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" no-verify' -l 'no-verify' -d 'Don\'t read the image again and compare.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" verify-source' -l 'verify-source' -d 'Have the container hash the source where it lies, and compare.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" connections' -l 'connections' -d 'How many connections, 1 to 16.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" case' -l 'case' -d 'The case\'s number.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" evidence' -l 'evidence' -d 'The item\'s number.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" examiner' -l 'examiner' -d 'Who examines it.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" notes' -l 'notes' -d 'Anything worth recording.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion acquire -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout acquire" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout verify" -eq 1' -F
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout verify" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion verify -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout verify" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout verify" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout verify" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout verify" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout verify" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout verify" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout verify" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout verify" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout hash" -eq 1' -fka '(__scout_custom_completion ---completion hash -- positional@0 (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout hash" hash' -l 'hash' -d 'Which hashes: md5, sha1, sha256, sha512.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout hash" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion hash -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout hash" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout hash" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout hash" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout hash" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout hash" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout hash" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout hash" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout hash" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout serve" -eq 1' -fa 'nbd' -d 'Export a device or a file over NBD, read-only.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout serve nbd" -eq 1' -fka '(__scout_custom_completion ---completion serve nbd -- positional@0 (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" port' -l 'port' -d 'The port; the first free one where none is named.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" name' -l 'name' -d 'The name to export and release it by.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd"' -l 'allow' -d 'An address or network that may connect; repeat for more.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" tls' -l 'tls' -d 'Whether a pre-shared key is asked for.' -rfka 'off psk'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" psk-file' -l 'psk-file' -d 'Read the key, 64 hexadecimal digits, from here; \'-\' is stdin.' -rF
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" partition' -l 'partition' -d 'Export only this partition.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" offset' -l 'offset' -d 'Export from this byte on.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" length' -l 'length' -d 'Export this many bytes.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" idle-timeout' -l 'idle-timeout' -d 'End after this long without a client: 90, 10m, 2h.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" max-clients' -l 'max-clients' -d 'Turn away clients beyond this many at a time; 32 else.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" foreground' -l 'foreground' -d 'Stay until the service ends; Ctrl-C ends it.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" writable' -l 'writable' -d 'Let clients write. Never for evidence.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion serve nbd -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout serve nbd" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout ports" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion ports -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout ports" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout ports" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout ports" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout ports" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout ports" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout ports" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout ports" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout ports" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout release" -eq 1' -fka '(__scout_custom_completion ---completion release -- positional@0 (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout release" all' -l 'all' -d 'End every service.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout release" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion release -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout release" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout release" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout release" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout release" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout release" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout release" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout release" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout release" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout forwards" via' -l 'via' -d 'Ask in this way only.' -rfka 'agent ssh probe'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout forwards" from' -l 'from' -d 'Evaluate saved rules; - is stdin.' -rF
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout forwards" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion forwards -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout forwards" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout forwards" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout forwards" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout forwards" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout forwards" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout forwards" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout forwards" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout forwards" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout doctor" -eq 1' -fka '(__scout_custom_completion ---completion doctor -- positional@0 (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout doctor" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion doctor -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout doctor" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout doctor" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout doctor" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout doctor" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout doctor" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout doctor" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout doctor" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout doctor" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout exec" tty' -l 'tty' -d 'Give it a terminal.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout exec" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion exec -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout exec" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout exec" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout exec" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout exec" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout exec" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout exec" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout exec" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout exec" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout host" -eq 1' -fa 'forwarding' -d 'The firewall: show it, or load it.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout host" -eq 1' -fa 'lan' -d 'The switch for access from the owner\'s network.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout host" -eq 1' -fa 'control' -d 'The switch for logins to the host itself.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout host" -eq 1' -fa 'agent' -d 'Tell the container what the host forwards, over a Unix socket.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout host forwarding" -eq 1' -fa 'show' -d 'Show what the kernel\'s rules let through now.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout host forwarding" -eq 1' -fa 'apply' -d 'Load the firewall, IPv4 and IPv6, each in one transaction.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding show" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion host forwarding show -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding show" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding show" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding show" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding show" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding show" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding show" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding show" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding show" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding apply" dry-run' -l 'dry-run' -d 'Print the rules, and load nothing.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding apply" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion host forwarding apply -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding apply" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding apply" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding apply" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding apply" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding apply" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding apply" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding apply" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host forwarding apply" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout host lan" -eq 1' -fa 'enable' -d 'Let the local network in, as the VPN is.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout host lan" -eq 1' -fa 'disable' -d 'Keep the local network out.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout host lan" -eq 1' -fa 'status' -d 'Show how the switch is set.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan enable" y yes' -l 'yes' -s 'y' -d 'Don\'t ask on the terminal.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan enable" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion host lan enable -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan enable" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan enable" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan enable" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan enable" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan enable" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan enable" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan enable" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan enable" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan disable" y yes' -l 'yes' -s 'y' -d 'Don\'t ask on the terminal.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan disable" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion host lan disable -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan disable" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan disable" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan disable" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan disable" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan disable" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan disable" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan disable" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan disable" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan status" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion host lan status -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan status" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan status" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan status" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan status" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan status" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan status" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan status" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host lan status" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout host control" -eq 1' -fa 'enable' -d 'Start the host\'s sshd, and let the VPN reach it.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout host control" -eq 1' -fa 'disable' -d 'Stop the host\'s sshd with its sessions.'
complete -c 'scout' -n '__scout_should_offer_completions_for_positional "scout host control" -eq 1' -fa 'status' -d 'Show how the switch is set.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control enable" y yes' -l 'yes' -s 'y' -d 'Don\'t ask on the terminal.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control enable" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion host control enable -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control enable" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control enable" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control enable" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control enable" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control enable" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control enable" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control enable" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control enable" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control disable" y yes' -l 'yes' -s 'y' -d 'Don\'t ask on the terminal.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control disable" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion host control disable -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control disable" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control disable" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control disable" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control disable" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control disable" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control disable" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control disable" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control disable" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control status" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion host control status -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control status" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control status" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control status" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control status" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control status" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control status" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control status" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host control status" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host agent" socket' -l 'socket' -d 'Where to listen: in the directory that the container shares.' -rF
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host agent" t target' -s 't' -l 'target' -d 'The scout to work on: a name, an address, or \'local\'.' -rfka '(__scout_custom_completion ---completion host agent -- --target (count (__scout_tokens -pc)) (__scout_tokens -tC))'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host agent" json' -l 'json' -d 'Print one JSON object instead of text.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host agent" v verbose' -l 'verbose' -s 'v' -d 'Say more on stderr.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host agent" q quiet' -l 'quiet' -s 'q' -d 'Print the result only: no progress, no remarks.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host agent" topology' -l 'topology' -d 'The network: documented, 22.04, loopback, or one of the configuration.' -rfka 'documented 22.04 loopback'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host agent" config' -l 'config' -d 'The configuration file.' -rfa '(for p in (string match -e -- \'*/\' (commandline -t);or printf \n)*.\'toml\';printf %s\n $p;end;__fish_complete_directories (commandline -t) \'\')'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host agent" accept-host-key' -l 'accept-host-key' -d 'Accept an unknown host key, if this is its fingerprint.' -rfka ''
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host agent" version' -l 'version' -d 'Show the version.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout host agent" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'scout' -n '__scout_should_offer_completions_for_flags_or_options "scout help" version' -l 'version' -d 'Show the version.'
