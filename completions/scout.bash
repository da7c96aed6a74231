#!/bin/bash

__scout_cursor_index_in_current_word() {
    local remaining="${COMP_LINE}"

    local word
    for word in "${COMP_WORDS[@]::COMP_CWORD}"; do
        remaining="${remaining##*([[:space:]])"${word}"*([[:space:]])}"
    done

    local -ir index="$((COMP_POINT - ${#COMP_LINE} + ${#remaining}))"
    if [[ "${index}" -le 0 ]]; then
        printf 0
    else
        printf %s "${index}"
    fi
}

# positional arguments:
#
# - 1: the current (sub)command's count of positional arguments
#
# required variables:
#
# - repeating_flags: the repeating flags that the current (sub)command can accept
# - non_repeating_flags: the non-repeating flags that the current (sub)command can accept
# - repeating_options: the repeating options that the current (sub)command can accept
# - non_repeating_options: the non-repeating options that the current (sub)command can accept
# - positional_number: value ignored
# - unparsed_words: unparsed words from the current command line
#
# modified variables:
#
# - non_repeating_flags: remove flags for this (sub)command that are already on the command line
# - non_repeating_options: remove options for this (sub)command that are already on the command line
# - positional_number: set to the current positional number
# - unparsed_words: remove all flags, options, and option values for this (sub)command
__scout_offer_flags_options() {
    local -ir positional_count="${1}"
    positional_number=0

    local was_flag_option_terminator_seen=false
    local is_parsing_option_value=false

    local -ar unparsed_word_indices=("${!unparsed_words[@]}")
    local -i word_index
    for word_index in "${unparsed_word_indices[@]}"; do
        if "${is_parsing_option_value}"; then
            # This word is an option value:
            # Reset marker for next word iff not currently the last word
            [[ "${word_index}" -ne "${unparsed_word_indices[${#unparsed_word_indices[@]} - 1]}" ]] && is_parsing_option_value=false
            unset "unparsed_words[${word_index}]"
            # Do not process this word as a flag or an option
            continue
        fi

        local word="${unparsed_words["${word_index}"]}"
        if ! "${was_flag_option_terminator_seen}"; then
            case "${word}" in
            --)
                unset "unparsed_words[${word_index}]"
                # by itself -- is a flag/option terminator, but if it is the last word, it is the start of a completion
                if [[ "${word_index}" -ne "${unparsed_word_indices[${#unparsed_word_indices[@]} - 1]}" ]]; then
                    was_flag_option_terminator_seen=true
                fi
                continue
                ;;
            -*)
                # ${word} is a flag or an option
                # If ${word} is an option, mark that the next word to be parsed is an option value
                local option
                for option in "${repeating_options[@]}" "${non_repeating_options[@]}"; do
                    [[ "${word}" = "${option}" ]] && is_parsing_option_value=true && break
                done

                # Remove ${word} from ${non_repeating_flags} or ${non_repeating_options} so it isn't offered again
                local not_found=true
                local -i index
                for index in "${!non_repeating_flags[@]}"; do
                    if [[ "${non_repeating_flags[${index}]}" = "${word}" ]]; then
                        unset "non_repeating_flags[${index}]"
                        non_repeating_flags=("${non_repeating_flags[@]}")
                        not_found=false
                        break
                    fi
                done
                if "${not_found}"; then
                    for index in "${!non_repeating_flags[@]}"; do
                        if [[ "${non_repeating_flags[${index}]}" = "${word}" ]]; then
                            unset "non_repeating_flags[${index}]"
                            non_repeating_flags=("${non_repeating_flags[@]}")
                            break
                        fi
                    done
                fi
                unset "unparsed_words[${word_index}]"
                continue
                ;;
            esac
        fi

        # ${word} is neither a flag, nor an option, nor an option value
        if [[ "${positional_number}" -lt "${positional_count}" || "${positional_count}" -lt 0 ]]; then
            # ${word} is a positional
            ((positional_number++))
            unset "unparsed_words[${word_index}]"
        else
            if [[ -z "${word}" ]]; then
                # Could be completing a flag, option, or subcommand
                positional_number=-1
            else
                # ${word} is a subcommand or invalid, so stop processing this (sub)command
                positional_number=-2
            fi
            break
        fi
    done

    unparsed_words=("${unparsed_words[@]}")

    if\
        ! "${was_flag_option_terminator_seen}"\
        && ! "${is_parsing_option_value}"\
        && [[ ("${cur}" = -* && "${positional_number}" -ge 0) || "${positional_number}" -eq -1 ]]
    then
        COMPREPLY+=($(compgen -W "${repeating_flags[*]} ${non_repeating_flags[*]} ${repeating_options[*]} ${non_repeating_options[*]}" -- "${cur}"))
    fi
}

__scout_add_completions() {
    local completion
    while IFS='' read -r completion; do
        COMPREPLY+=("${completion}")
    done < <(IFS=$'\n' compgen "${@}" -- "${cur}")
}

__scout_custom_complete() {
    if [[ -n "${cur}" || -z ${COMP_WORDS[${COMP_CWORD}]} || "${COMP_LINE:${COMP_POINT}:1}" != ' ' ]]; then
        local -ar words=("${COMP_WORDS[@]}")
    else
        local -ar words=("${COMP_WORDS[@]::${COMP_CWORD}}" '' "${COMP_WORDS[@]:${COMP_CWORD}}")
    fi

    "${COMP_WORDS[0]}" "${@}" "${words[@]}"
}

_scout() {
    local state
    state="$(shopt -p;shopt -po)"
    trap "${state//$'\n'/;}" RETURN
    shopt -s extglob
    set +o history +o posix

    local -xr SAP_SHELL=bash
    local -x SAP_SHELL_VERSION
    SAP_SHELL_VERSION="$(IFS='.';printf %s "${BASH_VERSINFO[*]}")"
    local -r SAP_SHELL_VERSION

    local -r cur="${2}"
    local -r prev="${3}"

    local -i positional_number
    local -a unparsed_words=("${COMP_WORDS[@]:1:${COMP_CWORD}}")

    local -a repeating_flags=()
    local -a non_repeating_flags=(--version -h --help)
    local -a repeating_options=()
    local -a non_repeating_options=()
    __scout_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    target|status|evidence|acquire|verify|hash|serve|ports|release|forwards|doctor|exec|host|help)
        # Offer subcommand argument completions
        "_scout_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'target status evidence acquire verify hash serve ports release forwards doctor exec host help' -- "${cur}"))
        ;;
    esac
}

_scout_target() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __scout_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    add|list|show|use|remove)
        # Offer subcommand argument completions
        "_scout_target_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'add list show use remove' -- "${cur}"))
        ;;
    esac
}

_scout_target_add() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(--identity -t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 2

    # Offer option value completions
    case "${prev}" in
    '--identity')
        __scout_add_completions -f
        return
        ;;
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion target add -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_target_list() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion target list -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_target_show() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion target show -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __scout_add_completions -W "$(__scout_custom_complete ---completion target show -- positional@0 "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_scout_target_use() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion target use -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __scout_add_completions -W "$(__scout_custom_complete ---completion target use -- positional@0 "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_scout_target_remove() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion target remove -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __scout_add_completions -W "$(__scout_custom_complete ---completion target remove -- positional@0 "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_scout_status() {
    repeating_flags=()
    non_repeating_flags=(--watch --json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion status -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_evidence() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion evidence -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_acquire() {
    repeating_flags=()
    non_repeating_flags=(--no-verify --verify-source --json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(--hash --connections --case --evidence --examiner --notes -t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 2

    # Offer option value completions
    case "${prev}" in
    '--hash')
        return
        ;;
    '--connections')
        return
        ;;
    '--case')
        return
        ;;
    '--evidence')
        return
        ;;
    '--examiner')
        return
        ;;
    '--notes')
        return
        ;;
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion acquire -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __scout_add_completions -W "$(__scout_custom_complete ---completion acquire -- positional@0 "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    2)
        __scout_add_completions -f
        return
        ;;
    esac
}

_scout_verify() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion verify -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __scout_add_completions -f
        return
        ;;
    esac
}

_scout_hash() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(--hash -t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--hash')
        return
        ;;
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion hash -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __scout_add_completions -W "$(__scout_custom_complete ---completion hash -- positional@0 "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_scout_serve() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __scout_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    nbd)
        # Offer subcommand argument completions
        "_scout_serve_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'nbd' -- "${cur}"))
        ;;
    esac
}

_scout_serve_nbd() {
    repeating_flags=()
    non_repeating_flags=(--foreground --writable --json --verbose -v --quiet -q --version -h --help)
    repeating_options=(--allow)
    non_repeating_options=(--port --name --tls --psk-file --partition --offset --length --idle-timeout --max-clients -t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '--port')
        return
        ;;
    '--name')
        return
        ;;
    '--allow')
        return
        ;;
    '--tls')
        __scout_add_completions -W 'off'$'\n''psk'
        return
        ;;
    '--psk-file')
        __scout_add_completions -f
        return
        ;;
    '--partition')
        return
        ;;
    '--offset')
        return
        ;;
    '--length')
        return
        ;;
    '--idle-timeout')
        return
        ;;
    '--max-clients')
        return
        ;;
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion serve nbd -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __scout_add_completions -W "$(__scout_custom_complete ---completion serve nbd -- positional@0 "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_scout_ports() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion ports -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_release() {
    repeating_flags=()
    non_repeating_flags=(--all --json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion release -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __scout_add_completions -W "$(__scout_custom_complete ---completion release -- positional@0 "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_scout_forwards() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(--via --from -t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--via')
        __scout_add_completions -W 'agent'$'\n''ssh'$'\n''probe'
        return
        ;;
    '--from')
        __scout_add_completions -f
        return
        ;;
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion forwards -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_doctor() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 1

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion doctor -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac

    # Offer positional completions
    case "${positional_number}" in
    1)
        __scout_add_completions -W "$(__scout_custom_complete ---completion doctor -- positional@0 "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    esac
}

_scout_exec() {
    repeating_flags=()
    non_repeating_flags=(--tty --json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options -1

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion exec -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_host() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __scout_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    forwarding|lan|control|agent)
        # Offer subcommand argument completions
        "_scout_host_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'forwarding lan control agent' -- "${cur}"))
        ;;
    esac
}

_scout_host_forwarding() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __scout_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    show|apply)
        # Offer subcommand argument completions
        "_scout_host_forwarding_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'show apply' -- "${cur}"))
        ;;
    esac
}

_scout_host_forwarding_show() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion host forwarding show -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_host_forwarding_apply() {
    repeating_flags=()
    non_repeating_flags=(--dry-run --json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion host forwarding apply -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_host_lan() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __scout_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    enable|disable|status)
        # Offer subcommand argument completions
        "_scout_host_lan_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'enable disable status' -- "${cur}"))
        ;;
    esac
}

_scout_host_lan_enable() {
    repeating_flags=()
    non_repeating_flags=(--yes -y --json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion host lan enable -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_host_lan_disable() {
    repeating_flags=()
    non_repeating_flags=(--yes -y --json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion host lan disable -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_host_lan_status() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion host lan status -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_host_control() {
    repeating_flags=()
    non_repeating_flags=(--version -h --help)
    repeating_options=()
    non_repeating_options=()
    __scout_offer_flags_options 0

    # Offer subcommand / subcommand argument completions
    local -r subcommand="${unparsed_words[0]}"
    unset 'unparsed_words[0]'
    unparsed_words=("${unparsed_words[@]}")
    case "${subcommand}" in
    enable|disable|status)
        # Offer subcommand argument completions
        "_scout_host_control_${subcommand}"
        ;;
    *)
        # Offer subcommand completions
        COMPREPLY+=($(compgen -W 'enable disable status' -- "${cur}"))
        ;;
    esac
}

_scout_host_control_enable() {
    repeating_flags=()
    non_repeating_flags=(--yes -y --json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion host control enable -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_host_control_disable() {
    repeating_flags=()
    non_repeating_flags=(--yes -y --json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion host control disable -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_host_control_status() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(-t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion host control status -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_host_agent() {
    repeating_flags=()
    non_repeating_flags=(--json --verbose -v --quiet -q --version -h --help)
    repeating_options=()
    non_repeating_options=(--socket -t --target --topology --config --accept-host-key)
    __scout_offer_flags_options 0

    # Offer option value completions
    case "${prev}" in
    '--socket')
        __scout_add_completions -f
        return
        ;;
    '-t'|'--target')
        __scout_add_completions -W "$(__scout_custom_complete ---completion host agent -- --target "${COMP_CWORD}" "$(__scout_cursor_index_in_current_word)")"
        return
        ;;
    '--topology')
        __scout_add_completions -W 'documented'$'\n''22.04'$'\n''loopback'
        return
        ;;
    '--config')
        __scout_add_completions -o plusdirs -fX '!*.@(toml)'
        return
        ;;
    '--accept-host-key')
        return
        ;;
    esac
}

_scout_help() {
    repeating_flags=()
    non_repeating_flags=(--version)
    repeating_options=()
    non_repeating_options=()
    __scout_offer_flags_options -1
}

complete -o filenames -F _scout scout
