import Core
import FoundationEssentials
import Host
@testable import Netfilter
import Platform
import Testing

@Suite struct HostListingTests {
    private static let rules = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
    private static let network = """

        #scout forwarding
        1

        #scout-status 0

        #scout routes
        Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
        eth0\t00000000\t014DA8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
        tap0\t0000010A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0

        #scout-status 0

        #scout addresses
        1: lo    inet 127.0.0.1/8 scope host lo
        4: tap0    inet 10.1.0.5/24 brd 10.1.0.255 scope global tap0
        5: ve-container@if2    inet 10.0.3.1/24 scope global ve-container

        #scout-status 0

        #scout links
        lo 0x9 1
        tap0 0x1003 1
        ve-container 0x1002
        wlp3s0 0x1003 0

        #scout-status 0

        """

    private func listing(_ text: String) throws -> HostListing { try HostListing(Array(text.utf8)) }

    @Test func theHostTellsItsOwnAddressesRoutesAndLinks() throws {
        let text = "\n#scout iptables nft\n\(Self.rules)\n#scout-status 0\n" + Self.network
        let listing = try listing(text)
        let report = listing.report(.documented, source: .ssh, checkedAt: Date(timeIntervalSince1970: 0))
        #expect(report.vpn.address == "10.1.0.5" && report.vpn.up == true)
        #expect(listing.linkIsUp("ve-container") == false && listing.linkIsUp("tap0") == true)
        #expect(listing.linkIsUp("wlp3s0") == false && listing.linkIsUp("nowhere") == false)
        #expect(try RuleListing(Array(text.utf8)).addresses.map(\.name) == ["lo", "tap0", "ve-container"])
        #expect(report.forwards.allSatisfy { $0.vpn == .closed })
        let plain = try HostListing(Array(Self.rules.utf8))
        #expect(plain.linkIsUp("tap0") == nil)
    }

    @Test func bothBackEndsCount() throws {
        let open = Self.rules.replacing("DROP", with: "ACCEPT")
        for (first, second) in [(open, Self.rules), (Self.rules, open)] {
            let listing = try listing(
                "\n#scout iptables nft\n\(first)\n#scout-status 0\n\n#scout iptables legacy\n\(second)\n#scout-status 0\n"
            )
            let report = listing.report(.documented, source: .ssh, checkedAt: Date(timeIntervalSince1970: 0))
            #expect(report.hostControl.enabled == false, "what one back end drops is dropped")
        }
    }

    @Test func tablesOfNFTBesideIPTablesCountOnce() throws {
        let made =
            #"{"table":{"family":"ip","name":"filter"}},{"chain":{"family":"ip","table":"filter","name":"INPUT","type":"filter","hook":"input","prio":0,"policy":"drop"}}"#
        let own =
            #"{"table":{"family":"inet","name":"mine"}},{"chain":{"family":"inet","table":"mine","name":"in","type":"filter","hook":"input","prio":0,"policy":"drop"}},{"rule":{"family":"inet","table":"mine","chain":"in","expr":[{"drop":null}]}}"#
        let open = Self.rules.replacing("DROP", with: "ACCEPT")
        for (tables, isOpen) in [(made, true), (own, false), (made + "," + own, false)] {
            let listing = try listing(
                "\n#scout iptables nft\n\(open)\n#scout-status 0\n\n#scout nft\n{\"nftables\":[\(tables)]}\n#scout-status 0\n"
            )
            let report = listing.report(.documented, source: .ssh, checkedAt: Date(timeIntervalSince1970: 0))
            #expect(report.hostControl.enabled == isOpen, "\(tables)")
        }
    }

    // MARK: Rules of nft's own in the tables of iptables

    private static func chain(_ name: String, _ priority: Int = 0, policy: String = "accept") -> String {
        #"{"chain":{"family":"ip","table":"filter","name":"\#(name)","type":"filter","hook":"input","prio":\#(priority),"policy":"\#(policy)"}}"#
    }

    private static func rule(_ right: String, _ verdict: String, chain: String = "INPUT") -> String {
        #"{"rule":{"family":"ip","table":"filter","chain":"\#(chain)","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":\#(right)}},{"\#(verdict)":null}]}}"#
    }

    /// What becomes of port 23 of the host by what iptables-nft-save (`nil`: it fails) and nft say.
    private func verdict(_ saved: String?, _ objects: [String], flags: String = "") throws -> Decision.Verdict {
        let table = #"{"table":{"family":"ip","name":"filter"\#(flags)}}"#
        let json = "{\"nftables\":[" + ([table] + objects).joined(separator: ",") + "]}"
        let text =
            "\n#scout iptables nft\n\(saved ?? "")\n#scout-status \(saved == nil ? 139 : 0)\n"
            + "\n#scout nft\n\(json)\n#scout-status 0\n"
        let listing = try RuleListing(Array(text.utf8))
        let network = HostNetwork(.documented)
        let packet = Packet(
            tcpFrom: try #require(IPAddress("10.1.0.3")), at: "tap0", to: try #require(IPAddress("10.1.0.2")), port: 23,
            network: network)
        return Evaluator(listing.rules.ipv4, on: network).decide(packet).verdict
    }

    private static func saved(_ policy: String, _ rules: String...) -> String {
        let lines = rules.map { "[0:0] -A INPUT \($0)\n" }.joined()
        return
            "# Generated by iptables-nft-save v1.8.9 (nf_tables)\n*filter\n:INPUT \(policy) [0:0]\n:OUTPUT ACCEPT [0:0]\n\(lines)COMMIT\n"
    }

    @Test func aRuleThatIPTablesMisstatesIsTakenFromNFT() throws {
        let set = Self.rule(#"{"set":[22,80]}"#, "drop")
        // iptables-nft-save makes `tcp dport { 22, 80 } drop` that.
        let saved = Self.saved("ACCEPT", "-p tcp -j DROP")
        #expect(try verdict(saved, [Self.chain("INPUT"), set]) == .open)
        #expect(try verdict(saved, [Self.chain("INPUT"), Self.rule(#"{"set":[22,23]}"#, "drop")]) == .closed)
    }

    @Test func anOwnersMailMayHoldAllListings() throws {
        let json =
            "{\"nftables\": [" + #"{"table":{"family":"ip","name":"filter"}},"# + Self.chain("INPUT") + ","
            + Self.rule(#"{"set":[22,23]}"#, "drop") + "]}\n"
        let other = Self.saved("DROP").replacing("by iptables", with: "by ip6tables")
        let saved = Self.saved("ACCEPT", "-p udp -j DROP")
        for (text, isOpen) in [(saved + other, true), (saved + other + json, false), (json + saved + other, false)] {
            let report = try listing(text).report(.documented, source: .file, checkedAt: .distantPast)
            #expect(report.hostControl.enabled == isOpen, "\(text)")
            #expect(!report.exposures.contains { $0.summary.contains("whether IPv6 is filtered is not known") })
        }
    }

    @Test func theRulesOfIPTablesBesideItKeepTheirMeaning() throws {
        let match =
            #"{"rule":{"family":"ip","table":"filter","chain":"INPUT","expr":[{"xt":{"type":"match","name":"conntrack"}},{"drop":null}]}}"#
        let set = Self.rule(#"{"set":[22,80]}"#, "drop")
        let saved = Self.saved("ACCEPT", "-m conntrack --ctstate INVALID -j DROP", "-p tcp -j DROP")
        #expect(try verdict(saved, [Self.chain("INPUT"), match, set]) == .open)
        // Where the listings do not pair, what nft can't say of iptables' rule is not known.
        let longer = Self.saved("ACCEPT", "-m conntrack --ctstate INVALID -j DROP")
        #expect(try verdict(longer, [Self.chain("INPUT"), match, set]) == .unknown)
    }

    @Test func aChainThatIPTablesLeavesOutIsTakenFromNFT() throws {
        let own = [
            Self.chain("INPUT"), Self.chain("mine", -5, policy: "drop"), Self.rule("22", "accept", chain: "mine"),
        ]
        let warning = "# Table `filter' contains incompatible base-chains, use 'nft' tool to list them.\n"
        #expect(try verdict(warning + Self.saved("ACCEPT"), own) == .closed)
        #expect(try verdict(Self.saved("ACCEPT"), own) == .closed)
        let moved = [Self.chain("INPUT", 10, policy: "drop")]
        #expect(try verdict(Self.saved("ACCEPT"), moved) == .closed)
        // Without nft's listing the warning is all there is.
        let alone = try listing("\n#scout iptables nft\n\(warning + Self.saved("DROP"))\n#scout-status 0\n")
        let report = alone.report(.documented, source: .ssh, checkedAt: .distantPast)
        #expect(report.forwards.allSatisfy { $0.vpn == .unknown && $0.reason?.contains("table filter") == true })
    }

    @Test func aTableThatIPTablesGivesUpIsTakenFromNFT() throws {
        for saved in ["# Table `filter' is incompatible, use 'nft' tool.\n", nil] {
            #expect(try verdict(saved, [Self.chain("INPUT", policy: "drop")]) == .closed)
            #expect(try verdict(saved, [Self.chain("INPUT", policy: "drop"), Self.rule("23", "accept")]) == .open)
        }
    }

    @Test func aTableThatSleepsStopsNothing() throws {
        let closed = [Self.chain("INPUT", policy: "drop")]
        for (flags, expected) in [
            (#","flags":"dormant""#, .open), (#","flags":["owner","dormant"]"#, .open), (#","flags":"owner""#, .closed),
            (#","flags":"Lester Gooch #5""#, .unknown),
        ] as [(String, Decision.Verdict)] {
            #expect(try verdict(Self.saved("DROP"), closed, flags: flags) == expected, "\(flags)")
        }
    }

    @Test func rulesOfLegacyAreNotMadeUpForByNFT() throws {
        let warning = "# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n"
        #expect(try verdict(warning + Self.saved("ACCEPT"), [Self.chain("INPUT")]) == .unknown)
    }

    @Test func rulesThatCannotBeReadAreAnErrorAndNotAnEmptySet() throws {
        let refused = #expect(throws: ScoutError.self) {
            try listing(
                "\n#scout iptables nft\niptables-save: Permission denied (you must be root)\n\n#scout-status 4\n")
        }
        #expect(refused?.code == .refused && refused?.message.contains("Permission denied") == true)
        for text in ["", "\n\n", "#scout links\nlo 0x9 1\n"] {
            let error = #expect(throws: ScoutError.self) { try listing(text) }
            #expect(error?.code == .badData)
        }
    }
}
