extension Shell {
    /// The script that `scout completion` prints: it hands the words and the cursor to `scout __complete`, and its answer
    /// to the shell. Nothing is decided in it.
    var script: String {
        switch self {
        case .bash: Self.bashScript
        case .zsh: Self.zshScript
        case .fish: Self.fishScript
        }
    }

    private static let bashScript = #"""
        # Completion of scout for bash; 'scout completion bash' prints it. scout itself decides what is offered.

        _scout() {
            local ending=
            COMPREPLY=()
            # The answer is quoted as the word is. Nothing here may expand it: no compgen, no eval.
            { IFS= read -r ending && mapfile -t COMPREPLY; } < <(
                command scout __complete bash "${COMP_TYPE-9}" "${2-}" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null
            )
            if [[ $ending == open ]]; then compopt -o nospace 2>/dev/null; fi
            return 0
        }

        complete -o nosort -F _scout scout

        """#

    private static let zshScript = #"""
        #compdef scout
        # Completion of scout for zsh; 'scout completion zsh' prints it. scout itself decides what is offered.

        _scout() {
            local line kept
            local -a lines fields values texts openValues openTexts
            lines=("${(@f)$(
                command scout __complete zsh "$QIPREFIX" "$PREFIX" "${(@Q)words[1,CURRENT-1]}" 2>/dev/null
            )}")
            kept=$lines[1]
            [[ $kept == <-> ]] || return 1
            # What stays as it was typed; compadd quotes the rest as the word is quoted.
            IPREFIX+=${PREFIX[1,kept]}
            PREFIX=${PREFIX[kept+1,-1]}
            for line in "${(@)lines[2,-1]}"; do
                fields=("${(@ps:\t:)line}")
                if [[ $fields[1] == open ]]; then
                    openValues+=("$fields[2]") openTexts+=("$fields[3]")
                else
                    values+=("$fields[2]") texts+=("$fields[3]")
                fi
            done
            local -i added=1
            (( $#values )) && compadd -V scout -d texts -a values && added=0
            (( $#openValues )) && compadd -V scout -S '' -d openTexts -a openValues && added=0
            return added
        }

        if [[ $funcstack[1] == _scout ]]; then _scout "$@"; else compdef _scout scout; fi

        """#

    private static let fishScript = #"""
        # Completion of scout for fish; 'scout completion fish' prints it. scout itself decides what is offered.

        function __scout_complete
            command scout __complete fish (commandline -cp | string collect) 2>/dev/null
        end

        complete -c scout -e
        complete -c scout -f -k -a '(__scout_complete)'

        """#
}
