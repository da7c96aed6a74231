# Completion of scout for fish; 'scout completion fish' prints it. scout itself decides what is offered.

function __scout_complete
    command scout __complete fish (commandline -cp | string collect) 2>/dev/null
end

complete -c scout -e
complete -c scout -f -k -a '(__scout_complete)'
