public import Core
public import FoundationEssentials
import Netfilter
import Platform

/// What a host says of itself when ``script`` runs there, and what its rules come to.
///
/// The same text comes from the host's own shell, over SSH, or in an owner's mail. What `iptables-save`,
/// `ip6tables-save` and `nft -j list ruleset` print, one behind the other or alone, is understood as well.
public struct HostListing: Sendable {
    /// A POSIX shell script that changes nothing and takes no argument; root must run it.
    ///
    /// What a tool complains of stands behind what it lists: between, it would tear a line. Legacy tables are listed only where there are some, as asking would load modules. Each part begins with a line
    /// `#scout NAME` and ends with `#scout-status N`.
    public static let script = """
        PATH=$PATH:/usr/sbin:/sbin; LC_ALL=C; export PATH LC_ALL
        part() {
            name=$1; shift; printf '\\n#scout %s\\n' "$name"
            { said=$("$@" 2>&1 >&3 3>&-); status=$?; } 3>&1
            if [ -n "$said" ]; then printf '%s\\n' "$said"; fi
            printf '\\n#scout-status %s\\n' "$status"
        }
        has() { command -v "$1" > /dev/null 2>&1; }
        tables() { grep -q . "/proc/net/$1" 2> /dev/null; }
        rules() {
            if has "$1-nft-save"; then part "$1 nft" "$1-nft-save" -c
            elif has "$1-save"; then part "$1 default" "$1-save" -c; fi
            if has "$1-legacy-save" && tables "$2"; then part "$1 legacy" "$1-legacy-save" -c; fi
        }
        links() { for i in /sys/class/net/*; do printf '%s %s\\n' "${i##*/}" "$(cat "$i/flags" "$i/carrier" 2> /dev/null | tr '\\n' ' ')"; done; }
        settings() {
            for i in /proc/sys/net/ipv4/conf/*; do
                name=${i##*/}; other=/proc/sys/net/ipv6/conf/$name; printf '%s' "$name"
                for f in "$i/forwarding" "$i/route_localnet" "$other/forwarding" "$other/force_forwarding" "$other/disable_ipv6" "$i/rp_filter"; do
                    value=-; { read -r value < "$f"; } 2> /dev/null; printf ' %s' "${value:--}"
                done; echo
            done
        }
        filters() {
            list=$(tc qdisc show) || return
            printf '%s\\n' "$list" | while read -r _ kind _ _ name _; do
                case $kind in clsact) sides='ingress egress' ;; ingress) sides=ingress ;; *) continue ;; esac
                for side in $sides; do
                    if ! seen=$(tc filter show dev "$name" "$side" 2> /dev/null) || [ -n "$seen" ]; then echo "$name $side"; fi
                done
            done
        }
        rules iptables ip_tables_names
        rules ip6tables ip6_tables_names
        if has nft; then
            part nft nft -j list ruleset
            part bytecode nft --debug=netlink list ruleset inet
        fi
        part forwarding cat /proc/sys/net/ipv4/ip_forward
        part localnet cat /proc/sys/net/ipv4/conf/all/route_localnet
        part routes cat /proc/net/route
        part settings settings
        if has ip; then
            part addresses ip -o address show
            part policy4 ip -4 rule show
            part policy6 ip -6 rule show
            part devices ip link show
        fi
        if has tc; then part filters filters; fi
        part links links
        """

    private let listing: RuleListing

    /// Reads a listing.
    ///
    /// - Parameter text: what ``script`` printed, or an owner's saved rules.
    /// - Throws: `badData` where it holds no rules; `refused` where the host did not let its rules be read.
    public init(_ text: [UInt8]) throws(ScoutError) {
        do throws(RuleError) { listing = try RuleListing(text) } catch { throw ScoutError(error) }
    }

    /// Whether an interface is up and has a carrier; `nil` where the listing doesn't tell.
    public func linkIsUp(_ interface: String) -> Bool? { listing.linkIsUp(interface) }

    /// Evaluates the rules.
    ///
    /// - Parameters:
    ///   - topology: the ports and addresses that are meant.
    ///   - source: where the listing is from.
    ///   - checkedAt: when it was true.
    public func report(_ topology: Topology, source: ForwardsReport.Source, checkedAt: Date) -> ForwardsReport {
        guard listing.tellsOfHost else {
            return ForwardsReport(evaluating: listing.rules, topology: topology, source: source, checkedAt: checkedAt)
        }
        var topology = topology
        let own = listing.addresses
        // With several scouts on one VPN a host has another address than the topology says.
        if let vpn = own.first(where: { $0.name == topology.vpnInterface && $0.address.family == .ipv4 }) {
            topology.hostVPNAddress = vpn.address.description
        }
        let isUp = linkIsUp(topology.vpnInterface).map { up in
            up && own.contains { $0.name == topology.vpnInterface && $0.address.family == .ipv4 }
        }
        return ForwardsReport(
            evaluating: listing.rules, topology: topology, network: listing.network(topology.firewallPlan),
            source: source,
            checkedAt: checkedAt, vpnIsUp: isUp)
    }
}
