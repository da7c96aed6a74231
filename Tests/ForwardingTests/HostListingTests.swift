import Core
import FoundationEssentials
@testable import Forwarding
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
        let listing = try listing("\n#scout iptables nft\n\(Self.rules)\n#scout-status 0\n" + Self.network)
        let report = listing.report(.documented, source: .ssh, checkedAt: Date(timeIntervalSince1970: 0))
        #expect(report.vpn.address == "10.1.0.5" && report.vpn.up == true)
        #expect(listing.linkIsUp("ve-container") == false && listing.linkIsUp("tap0") == true)
        #expect(listing.linkIsUp("wlp3s0") == false && listing.linkIsUp("nowhere") == false)
        #expect(listing.addresses.map(\.name) == ["lo", "tap0", "ve-container"])
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

    @Test func wireGuardTellsWhenItsPeerWasLastHeard() {
        #expect(VPNPeer.wireGuard("KEY=\t1000\n", now: 1100) == nil)
        #expect(VPNPeer.wireGuard("KEY=\t1000\nOTHER=\t2000\n", now: 2100) == nil)
        #expect(VPNPeer.wireGuard("KEY=\t1000\n", now: 1400)?.contains("400 s") == true)
        #expect(VPNPeer.wireGuard("KEY=\t0\n", now: 1400)?.contains("never") == true)
        #expect(VPNPeer.wireGuard("", now: 1400)?.contains("no peer") == true)
    }
}
