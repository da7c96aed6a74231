# shellcheck shell=bash disable=SC2154
# How `lab up` builds: certificates and configuration, six nodes, cables and firewall, daemons, and the proof that it
# all works. Part of `lab`, which sets: here, state, name, scout, nodes.

# certificate NAME USAGE: an EC key and a certificate signed by the lab's own authority.
certificate() {
    local options=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -x509 -days 30 -subj "/CN=$1"
        -keyout "$state/$1/vpn.key" -out "$state/$1/vpn.crt" -addext "extendedKeyUsage=$2")
    openssl req "${options[@]}" -CA "$state/ca.crt" -CAkey "$state/ca.key" -addext basicConstraints=CA:FALSE \
        -addext keyUsage=digitalSignature
    cp "$state/ca.crt" "$state/$1/"
}

certificates() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -x509 -days 30 -subj "/CN=lab $name" \
        -keyout "$state/ca.key" -out "$state/ca.crt"
    certificate server serverAuth
    certificate host clientAuth
    certificate expert clientAuth
    certificate neighbour clientAuth
}

# vpn NODE LINES: the node's openvpn configuration.
vpn() {
    cat > "$state/$1/vpn.conf" << END
dev tap0
proto udp4
port 1194
ca /lab/ca.crt
cert /lab/vpn.crt
key /lab/vpn.key
persist-key
persist-tun
verb 3
log /lab/vpn.log
daemon vpn
$2
END
}

configure_vpn() {
    local node
    local -i number=2
    # As in the field: VPN clients reach each other, and one certificate may be used twice.
    vpn server "local 203.0.113.1
server 10.1.0.0 255.255.255.0
client-config-dir /lab/clients
client-to-client
duplicate-cn
max-clients 10
keepalive 2 6
dh none"
    mkdir "$state/server/clients"
    for node in host expert neighbour; do
        echo "ifconfig-push 10.1.0.$number 255.255.255.0" > "$state/server/clients/$node"
        number+=1
        # Short timers: after a cut the client must not sit out a minute's handshake window.
        vpn "$node" "client
nobind
remote 203.0.113.1 1194
remote-cert-tls server
connect-retry 1 2
server-poll-timeout 3
tls-timeout 1
hand-window 10"
    done
}

# configure_ssh NODE PORT BANNER: host key, banner and configuration, to be seen as /etc/ssh in the node.
configure_ssh() {
    local ssh=$state/$1/ssh
    mkdir -p "$ssh" "$state/$1/home/.ssh"
    fresh_key "$ssh/ssh_host_ed25519_key" "$1"
    echo "$3" > "$ssh/banner"
    { sshd_common; printf '%s\n' "Port $2" "HostKey /etc/ssh/ssh_host_ed25519_key" "Banner /etc/ssh/banner"; } \
        > "$ssh/sshd_config"
    cp "$state/expert/home/.ssh/id_ed25519.pub" "$state/$1/home/.ssh/authorized_keys"
}

configure_expert() {
    local home=$state/expert/home
    mkdir -p "$home/.ssh" "$home/.config/scout"
    chmod 0700 "$home" "$home/.ssh"
    fresh_key "$home/.ssh/id_ed25519" expert
    # Somebody else's key: the file is there, the container isn't in it.
    fresh_key "$state/stranger" stranger
    known_hosts_line 10.1.0.99 22 "$state/stranger.pub" > "$home/.config/scout/known_hosts"
}

trust_container() {
    local home=$state/expert/home
    known_hosts_line 10.1.0.2 22 "$state/container/ssh/ssh_host_ed25519_key.pub" > "$home/trusted_hosts"
    ssh_client_config 10.1.0.2 22 root "$home/.ssh/id_ed25519" "$home/trusted_hosts" > "$home/ssh_config"
}

start_nodes() {
    local node
    for node in "${nodes[@]}"; do
        setsid unshare --net --mount --uts --pid --fork --kill-child --propagation private \
            "$here/node" "$state" "$node" "$scout" < /dev/null > "$state/$node/node.log" 2>&1 9>&- &
        disown
    done
}

nodes_ready() {
    local node
    for node in "${nodes[@]}"; do
        [[ -e $state/$node/ready ]] || return
    done
}

# cable NODE BRIDGE ADDRESS: connects the node's eth0 with one of the server's two networks.
cable() {
    wires server link add "to-$1" type veth peer name eth0 netns "$(pid_of "$1")"
    wires server link set "to-$1" master "$2" up
    wires "$1" address add "$3" dev eth0
    wires "$1" link set eth0 up
}

build_network() {
    wires server link add internet type bridge
    wires server link add owner type bridge
    wires server address add 203.0.113.1/24 dev internet
    wires server address add 192.168.77.1/24 dev owner
    wires server link set internet up
    wires server link set owner up
    cable expert internet 203.0.113.3/24
    cable neighbour internet 203.0.113.4/24
    cable host owner 192.168.77.2/24
    cable lan owner 192.168.77.3/24
    wires host route add default via 192.168.77.1
    wires lan route add default via 192.168.77.1

    wires host link add ve-container type veth peer name eth0 netns "$(pid_of container)"
    wires host address add 10.0.3.1/24 dev ve-container
    wires host link set ve-container up
    wires container address add 10.0.3.2/24 dev eth0
    wires container link set eth0 up
    wires container route add default via 10.0.3.1
    inside host sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
    inside host iptables-restore --counters /lab/firewall
}

# device FILE NODE_PATH [OPTION…]: a loop device over the file, as the container sees a disk that the owner mapped.
device() {
    local file=$1 path=$2 loop numbers
    shift 2
    loop=$(losetup --find --show "$@" "$file")
    numbers=$(< "/sys/block/${loop##*/}/dev")
    inside container mknod -m 0660 "$path" b "${numbers%:*}" "${numbers#*:}"
}

has_address() {
    wires "$1" -4 -o address show dev tap0 2> /dev/null | grep -q " $2/"
}

banner_seen() {
    inside expert timeout 4 ssh -F /root/ssh_config container true 2>&1 | grep -q '(container)'
}

up() {
    ((EUID == 0)) || { complain "namespaces and loop devices need root (without it: $here/loopback)"; exit 77; }
    need debugfs ip iptables-restore losetup mcopy mke2fs mkfs.vfat nsenter openssl openvpn ping pkill setpriv sfdisk \
        ssh ssh-keygen sshd unshare
    [[ -c /dev/net/tun ]] || { complain "no /dev/net/tun: the VPN needs it"; exit 69; }
    [[ -z $scout || -x $scout ]] || { complain "no executable at '$scout'"; exit 66; }
    umask 022
    mkdir -m 0700 "$state" || { complain "if lab '$name' is there already, take it down first"; exit 73; }
    guard 30

    local node
    mkdir -m 0755 "$state/ipc"
    for node in "${nodes[@]}"; do
        mkdir "$state/$node"
    done
    {
        certificates
        configure_vpn
        configure_expert
        configure_ssh container 22 "Bitscout (container)"
        configure_ssh host 23 "Bitscout (host)"
        trust_container
        cp "$here/documented-default.iptables-save" "$state/host/firewall"
        start_nodes
        "$here/evidence-image" "$state/evidence.img"
        chmod 0444 "$state/evidence.img"
        truncate --size=64M "$state/storage.img"
    } > "$state/up.log" 2>&1

    reach "the nodes' own start" nodes_ready
    {
        build_network
        device "$state/evidence.img" /dev/host/evidence0 --read-only
        device "$state/storage.img" /dev/host/storage0
        inside container /usr/sbin/sshd -E /lab/sshd.log
        inside server openvpn /lab/vpn.conf
    } >> "$state/up.log" 2>&1
    reach "openvpn's server" grep -q 'Initialization Sequence Completed' "$state/server/vpn.log"
    for node in host expert neighbour; do
        inside "$node" openvpn /lab/vpn.conf >> "$state/up.log" 2>&1
    done
    reach "10.1.0.2 on the host's tap0" has_address host 10.1.0.2
    # OpenVPN's server learns a client's place from its frames only. Real machines chatter; without any, the expert's
    # packets to a host that has come back would go nowhere until the expert's own ARP entry is too old.
    inside host sh -c 'setsid ping -n -q -i 2 10.1.0.1 > /dev/null 2>&1 &'
    reach "10.1.0.3 on the expert's tap0" has_address expert 10.1.0.3
    reach "10.1.0.4 on the neighbour's tap0" has_address neighbour 10.1.0.4
    reach "ping from expert to 10.1.0.2" inside expert ping -n -q -c 1 -W 1 10.1.0.2 >> "$state/up.log"
    reach "the container's banner over the VPN" banner_seen

    unguard
    echo "lab '$name' is up: $0 --name $name run expert ssh -F ssh_config container"
}
