# shellcheck shell=bash disable=SC2154
# What `lab`, `loopback` and `selftest` share: words, waiting, processes told apart for certain, SSH keys.
# The scripts set: state, their directory below SCOUT_LAB_DIR, and down, which removes it.

export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# complain TEXT…: talk goes to stderr; stdout is the result.
complain() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# usage: prints the calling script's own header, without the comment signs, and exits 64.
usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
    exit 64
}

# need TOOL…: every one of them, or a list of those that are missing.
need() {
    local tool missing=()
    for tool; do
        command -v "$tool" > /dev/null || missing+=("$tool")
    done
    ((${#missing[@]} == 0)) && return
    complain "missing: ${missing[*]} (see ${BASH_SOURCE[0]%/*}/packages)"
    return 1
}

# assign NAME VALUE: one line for `eval`, quoted so that a value is never code.
assign() {
    printf "%s='%s'\n" "$1" "${2//\'/\'\\\'\'}"
}

# check_name ID: a lab's name becomes part of paths, mount options and addresses.
check_name() {
    [[ $1 =~ ^[A-Za-z0-9_-]{1,32}$ ]] && return
    complain "'$1' is no name for a lab: 1 to 32 letters, digits, - or _"
    exit 64
}

# mine STATE: true if the directory exists, is no link, and belongs to this user: only then are its files believed.
mine() {
    [[ -d $1 && ! -L $1 && -O $1 ]]
}

# wait_until SECONDS CMD…: repeats CMD until it succeeds; fails when the time is over.
wait_until() {
    local -i end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@"; do
        ((${EPOCHREALTIME/./} < end)) || return 1
        sleep 0.05
    done
}

# started_at PID: when it started, in clock ticks since boot. With the number it names one process for ever.
# Fails for a process that is gone, or dead and only waiting to be noticed.
started_at() {
    local line fields
    { line=$(< "/proc/$1/stat"); } 2> /dev/null || return 1
    read -r -a fields <<< "${line##*) }"
    [[ ${fields[0]} != [ZX] ]] || return 1
    printf '%s\n' "${fields[19]}"
}

# record PID FILE: remembers a process.
record() {
    printf '%s %s\n' "$1" "$(started_at "$1")" > "$2"
}

# recorded FILE: prints the remembered process's number while that very process lives.
recorded() {
    local pid start
    { read -r pid start < "$1"; } 2> /dev/null || return 1
    [[ -n $start && $(started_at "$pid") == "$start" ]] || return 1
    printf '%s\n' "$pid"
}

gone() {
    ! recorded "$1" > /dev/null
}

# fresh_key FILE COMMENT: an Ed25519 key pair without a passphrase.
fresh_key() {
    ssh-keygen -q -t ed25519 -N '' -C "$2" -f "$1"
}

# fingerprint FILE.pub: SHA256:…
fingerprint() {
    local words
    read -r -a words <<< "$(ssh-keygen -l -E sha256 -f "$1")"
    printf '%s\n' "${words[1]}"
}

# known_hosts_line ADDRESS PORT FILE.pub
known_hosts_line() {
    local type key host=$1
    (($2 == 22)) || host="[$1]:$2"
    read -r type key _ < "$3"
    printf '%s %s %s\n' "$host" "$type" "$key"
}

# sshd_common: the part of sshd's configuration that all our servers share.
sshd_common() {
    cat << 'END'
UsePAM no
StrictModes no
UseDNS no
PrintMotd no
PrintLastLog no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100:30:200
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
END
}

# ssh_client_config ADDRESS PORT USER KEY KNOWN_HOSTS: for stock ssh, so that tests can compare with it.
ssh_client_config() {
    cat << END
Host container
    HostName $1
    Port $2
    User $3
    IdentityFile $4
    IdentitiesOnly yes
    UserKnownHostsFile $5
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    BatchMode yes
    ConnectTimeout 5
    ControlPath none
END
}

# guard SECONDS: from here on, an error, a signal or the end of the script means: report, take everything down, exit 1.
guard() {
    SECONDS=0 limit=$1
    # Errors must reach the caller from below a redirection. Daemons are started with 9>&-, or they would keep it open.
    exec 9>&2
    set -E
    trap 'fail "failed: $BASH_COMMAND"' ERR
    trap 'fail "interrupted"' INT TERM HUP
    trap 'fail "stopped early"' EXIT
}

unguard() {
    trap - ERR EXIT INT TERM HUP
    set +E
    exec 9>&-
}

# reach STEP CMD…: waits for CMD to succeed, within what is left of the guard's time.
reach() {
    local step=$1 left=$((limit - SECONDS))
    shift
    wait_until $((left > 0 ? left : 0)) "$@" && return
    fail "not within $limit s: $step"
}

# fail TEXT: says what went wrong, with the ends of the logs, and leaves nothing behind: the script's own `down`.
fail() {
    local log
    # A failing $(…) reports here first; its parent is the one that can act.
    ((BASH_SUBSHELL == 0)) || exit 1
    trap - ERR EXIT
    trap '' INT TERM HUP
    exec 2>&9
    complain "$1"
    for log in "$state"/*.log "$state"/*/*.log; do
        [[ -s $log ]] || continue
        printf -- '--- %s\n' "${log#"$state"/}"
        tail -n 12 "$log"
    done >&2
    down
    exit 1
}
