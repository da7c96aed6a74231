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
