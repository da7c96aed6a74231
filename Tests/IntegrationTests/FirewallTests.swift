import Core
import FoundationEssentials
import TestSupport
import Testing

/// The firewall on the lab's host, seen from the networks around it.
@Suite(.enabled(if: Project.hasLab, "needs root, for network namespaces"), .serialized)
struct FirewallTests {
    private static let documented: [UInt16] = [22] + Array(2000...2009)

    /// Something that would answer if it were reached: in the container, and on the host over both families.
    private static let listeners = """
        import socket, time
        kept = []
        for family, address, port in [(socket.AF_INET, "0.0.0.0", 4444), (socket.AF_INET6, "::", 4445)]:
            s = socket.socket(family); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((address, port)); s.listen(64); kept.append(s)
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 4446))
        while True:
            try: s.sendto(*s.recvfrom(9))
            except OSError: pass
        """

    private func prepare(_ lab: Lab) async throws {
        for node in ["host", "container"] {
            try await lab.shell(
                node,
                """
                cat > /tmp/listen.py << 'END'
                \(Self.listeners)
                END
                setsid python3 /tmp/listen.py > /dev/null 2>&1 < /dev/null &
                for i in $(seq 100); do grep -q ':115E ' /proc/net/udp6 && exit 0; sleep 0.05; done; exit 1
                """)
        }
        // Linux takes packets for any of its addresses on any card, so who wants in sends them there.
        let (near, vpn) = (lab["SCOUT_LAB_HOST_LAN_ADDRESS"], lab["SCOUT_LAB_ADDRESS"])
        for (node, net, way) in [
            ("lan", "10.0.3.0/24", near), ("lan", "\(vpn)/32", near), ("expert", "10.0.3.0/24", vpn),
            ("expert", "\(near)/32", vpn),
        ] {
            let route = try await lab.shell(node, "ip route replace \(net) via \(way)")
            #expect(route.status == 0, "\(route.errors)")
        }
    }

    private func linkLocal(_ lab: Lab) async throws -> String {
        let words = try await lab.shell("host", "ip -6 -o address show dev eth0 scope link").output.split(
            separator: " ")
        let place = try #require(words.firstIndex(of: "inet6"))
        return "\(words[place + 1].prefix { $0 != "/" })%eth0"
    }

    /// Everything that answers a machine of the owner's network, by whatever way.
    private func fromLAN(_ lab: Lab) async throws -> [String: [UInt16]] {
        async let direct = lab.scan(from: "lan", lab["SCOUT_LAB_HOST_LAN_ADDRESS"])
        async let route = lab.scan(from: "lan", lab["SCOUT_LAB_CONTAINER_ADDRESS"])
        async let ipv6 = lab.scan(from: "lan", try await linkLocal(lab))
        var found = try await ["direct": direct, "route": route, "ipv6": ipv6].mapValues {
            ($0.open + $0.refused).sorted()
        }
        found.merge(try await others(lab, from: "lan", first: "SCOUT_LAB_ADDRESS")) { $1 }
        return found
    }

    private static let some: ClosedRange<UInt16> = 1...6000

    /// What answers at the host's other addresses, and to datagrams.
    private func others(
        _ lab: Lab, from node: String, first: String, expecting expected: [UInt16] = []
    ) async throws -> [String: [UInt16]] {
        let (address, inner) = (lab[first], lab["SCOUT_LAB_HOST_CONTAINER_ADDRESS"])
        let (near, container) = (lab["SCOUT_LAB_HOST_LAN_ADDRESS"], lab["SCOUT_LAB_CONTAINER_ADDRESS"])
        async let other = lab.scan(from: node, address, ports: Self.some, expecting: expected)
        async let behind = lab.scan(from: node, inner, ports: Self.some, expecting: expected)
        async let udp = lab.scan(from: node, near, udp: true, ports: Self.some)
        async let udpOther = lab.scan(from: node, lab["SCOUT_LAB_ADDRESS"], udp: true, ports: Self.some)
        async let udpRoute = lab.scan(from: node, container, udp: true, ports: Self.some)
        return try await [
            "other": other, "behind": behind, "udp": udp, "udpOther": udpOther, "udpRoute": udpRoute,
        ].mapValues { ($0.open + $0.refused).sorted() }
    }

    @Test(InLab(.namespaces)) func theLocalNetworkFindsNothingAndTheVPNTheDocumentedPorts() async throws {
        let lab = try #require(Lab.current)
        try await prepare(lab)
        // The stock rules let the scan find something, so it can.
        let stock = try await lab.scan(from: "lan", lab["SCOUT_LAB_CONTAINER_ADDRESS"], expecting: [4444])
        #expect(stock.open.contains(4444))
        let datagrams = try await lab.scan(
            from: "lan", lab["SCOUT_LAB_CONTAINER_ADDRESS"], udp: true, ports: Self.some, expecting: [4446])
        #expect(datagrams.open == [4446])

        #expect(try await lab.run("host", ["scout", "host", "forwarding", "apply"]).status == 0)
        let datagramless: [String: [UInt16]] = ["udp": [], "udpOther": [], "udpRoute": []]
        let nothing = datagramless.merging(["direct": [], "route": [], "ipv6": [], "other": [], "behind": []]) { $1 }
        var seen = try await fromLAN(lab)
        #expect(seen == nothing)
        let vpn = try await lab.scan(from: "expert", lab["SCOUT_LAB_ADDRESS"], expecting: Self.documented)
        #expect(vpn.open == [22])
        #expect((vpn.open + vpn.refused).sorted() == Self.documented)
        // Whoever asks by the VPN gets the same at each address of the host.
        let byVPN = datagramless.merging(["other": Self.documented, "behind": Self.documented]) { $1 }
        let inside = try await others(
            lab, from: "expert", first: "SCOUT_LAB_HOST_LAN_ADDRESS", expecting: Self.documented)
        #expect(inside == byVPN)

        for _ in 0..<2 { #expect(try await lab.run("host", ["scout", "host", "lan", "enable"]).status == 0) }
        let direct = try await lab.scan(
            from: "lan", lab["SCOUT_LAB_HOST_LAN_ADDRESS"], expecting: Self.documented)
        #expect((direct.open + direct.refused).sorted() == Self.documented)
        #expect(try await lab.run("host", ["scout", "host", "lan", "disable"]).status == 0)
        seen = try await fromLAN(lab)
        #expect(seen == nothing)
        // What the container needs still works: the internet, here the router on the owner's LAN, and the VPN.
        for address in ["192.168.77.1", lab["SCOUT_LAB_EXPERT_ADDRESS"]] {
            #expect(try await lab.shell("container", "ping -n -q -c 1 -W 2 \(address)").status == 0, "\(address)")
        }
    }

    @Test(InLab(.namespaces), arguments: ["nft", "legacy"])
    func applyingTwiceChangesNothingAndLeavesNoOtherRules(backEnd: String) async throws {
        let lab = try #require(Lab.current)
        if backEnd == "legacy" {
            let names = ["iptables", "ip6tables"].flatMap { [$0, $0 + "-save", $0 + "-restore"] }
            for name in names {
                try await lab.shell("host", "ln -sf xtables-legacy-multi /usr/sbin/\(name)")
            }
        }
        let first = try await lab.run("host", ["scout", "host", "forwarding", "apply", "--json"])
        #expect(first.output.contains("\"changed\" : true"), "\(first.errors)")
        let save =
            "for t in nft legacy; do iptables-$t-save; ip6tables-$t-save; done | grep -v '^#' | sed 's/\\[.*\\]//'"
        let before = try await lab.shell("host", save).output
        let second = try await lab.run("host", ["scout", "host", "forwarding", "apply", "--json"])
        #expect(second.output.contains("\"changed\" : false"), "\(second.errors)")
        #expect(try await lab.shell("host", save).output == before)
        // The stock rules were of the nft kind.
        #expect(try await lab.shell("host", "iptables-nft-save | grep -c wlan0").output == "0\n")
        let shown = try await lab.run("host", ["scout", "host", "forwarding", "show", "--json"])
        #expect(shown.output.contains("\"inForce\" : true"))
        let banner = try await lab.shell("expert", "timeout 4 ssh -F ssh_config container true")
        #expect(banner.status == 0, "\(banner.errors)")
    }

    @Test(InLab(.namespaces)) func hostControlOpensThePortWithItsServerAndClosesBoth() async throws {
        let lab = try #require(Lab.current)
        let address = lab["SCOUT_LAB_ADDRESS"]
        let dial = "timeout 3 bash -c 'exec 5<>/dev/tcp/\(address)/23; head -c 4 <&5'"
        for _ in 0..<2 { #expect(try await lab.run("host", ["scout", "host", "control", "enable"]).status == 0) }
        #expect(try await lab.shell("expert", dial).output == "SSH-")
        let held =
            "setsid timeout 60 ssh -F ssh_config -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -p 23 container "
            + "'echo in; sleep 60' > /root/held 2> /root/held.log < /dev/null & "
            + "for i in $(seq 60); do grep -q in /root/held && exit 0; sleep 0.1; done; cat /root/held.log; exit 1"
        let session = try await lab.shell("expert", held)
        #expect(session.status == 0, "\(session.output)")
        let lan = try await lab.shell(
            "lan", "timeout 2 bash -c 'exec 5<>/dev/tcp/\(lab["SCOUT_LAB_HOST_LAN_ADDRESS"])/23'")
        #expect(lan.status != 0)

        let off = try await lab.run("host", ["scout", "host", "control", "disable"])
        #expect(off.output.contains("1 sessions ended"), "\(off.output)")
        #expect(try await lab.shell("expert", dial).output.isEmpty)
        #expect(try await lab.shell("host", "pgrep -f '[s]shd.*-p 23'").status == 1)
        let status = try await lab.run("host", ["scout", "host", "control", "status", "--json"])
        #expect(status.output.contains("\"enabled\" : false") && status.output.contains("\"isListening\" : false"))
        // The stock rules let in whom the switch keeps out.
        try await lab.shell("host", "iptables-restore < /lab/firewall")
        for (name, words) in [("control", "which LET the VPN IN"), ("lan", "which keep the local network out")] {
            let told = try await lab.run("host", ["scout", "host", name, "status"]).output
            #expect(told.contains(" is off\nbut the kernel has other rules, \(words)"), "\(told)")
        }
        // A restart of the host: what was set is what is applied.
        #expect(try await lab.run("host", ["scout", "host", "control", "enable"]).status == 0)
        try await lab.shell("host", "pkill -o sshd; iptables-restore < /lab/firewall; sleep 0.3")
        #expect(try await lab.run("host", ["scout", "host", "forwarding", "apply"]).status == 0)
        #expect(try await lab.shell("expert", dial).output == "SSH-")
    }

    @Test(InLab(.namespaces)) func theOwnersRulesAreMergedAndBadOnesChangeNothing() async throws {
        let lab = try #require(Lab.current)
        try await lab.shell(
            "host",
            """
            mkdir -p /etc/scout/firewall.d
            printf '*filter\\n-A CUSTOM_INPUT -i eth0 -p tcp -m tcp --dport 4445 -j ACCEPT\\nCOMMIT\\n' \
            > /etc/scout/firewall.d/web.ipv4
            """)
        #expect(try await lab.run("host", ["scout", "host", "forwarding", "apply"]).status == 0)
        let save = "iptables-save | grep -v '^#' | sed 's/\\[.*\\]//'"
        let before = try await lab.shell("host", save).output
        #expect(before.contains("--dport 4445"))
        for (text, words) in [
            ("*filter\\n-A INPUT -j ACCEPT\\nCOMMIT\\n", "line 2"),
            ("*filter\\n-A CUSTOM_INPUT --nonsense\\nCOMMIT\\n", "refuses"),
        ] {
            try await lab.shell("host", "printf '\(text)' > /etc/scout/firewall.d/bad.ipv4")
            let refused = try await lab.run("host", ["scout", "host", "lan", "enable"])
            #expect(refused.status != 0 && refused.errors.contains(words), "\(refused.errors)")
            #expect(try await lab.shell("host", save).output == before)
            let status = try await lab.run("host", ["scout", "host", "lan", "status", "--json"])
            #expect(status.output.contains("\"enabled\" : false") || status.status != 0)
        }
        try await lab.shell("host", "rm /etc/scout/firewall.d/bad.ipv4; chmod o+w /etc/scout/firewall.d/web.ipv4")
        #expect(try await lab.run("host", ["scout", "host", "forwarding", "apply"]).status == 77)
    }

    @Test(InLab(.namespaces)) func theNetworkIsSeenOrNamedAndNeverAssumed() async throws {
        let lab = try #require(Lab.current)
        try await lab.shell("host", "ip address flush dev ve-container")
        let blind = try await lab.run("host", ["scout", "host", "forwarding", "apply"])
        #expect(blind.status == 64 && blind.errors.contains("--topology 22.04"), "\(blind.errors)")
        try await lab.shell("host", "ip address add 10.3.0.1/24 dev ve-container")
        #expect(try await lab.run("host", ["scout", "host", "forwarding", "apply"]).status == 0)
        let rules = try await lab.shell("host", "iptables-save").output
        #expect(rules.contains("10.3.0.2:5909") && rules.contains("-i scout") && !rules.contains("10.0.3.2"))
    }

    @Test(InLab(.namespaces)) func onlyTheHostIsTouched() async throws {
        let lab = try #require(Lab.current)
        for node in ["expert", "container"] {
            let outcome = try await lab.run(node, ["scout", "host", "forwarding", "apply"])
            #expect(outcome.status == 77 && outcome.errors.contains("not the host of a Bitscout"), "\(node)")
            #expect(try await lab.shell(node, "iptables-save").output.isEmpty, "\(node)")
        }
        let dry = try await lab.run("expert", ["scout", "host", "forwarding", "apply", "--dry-run"])
        #expect(dry.status == 0 && dry.output.contains("# ip6tables-restore\n*filter"))
    }
}
