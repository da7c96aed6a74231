import Core
import FoundationEssentials
import Platform
import TestSupport
import Testing

/// Over SSH on a loopback address: needs no root.
@Suite(.serialized, InLab(.loopback)) struct LoopbackLabTests {
    @Test func acquireImagesEveryByteAndReleasesThePort() async throws {
        try await Scenarios().acquireImagesEveryByteAndReleasesThePort()
        try await Scenarios().interruptedAcquisitionLeavesAPartialAndAFreePort()
    }
    @Test func verifyFindsAChangedByte() async throws { try await Scenarios().verifyFindsAChangedByte() }
    @Test func existingOutputIsNeverTouched() async throws { try await Scenarios().existingOutputIsNeverTouched() }
    @Test func unknownEvidenceListsTheKnown() async throws { try await Scenarios().unknownEvidenceListsTheKnown() }
    @Test func evidenceAndItsPartitionsAreListed() async throws {
        try await Scenarios().evidenceAndItsPartitionsAreListed()
    }
    @Test func serveAllowsOnlyTheCallersAddress() async throws {
        try await Scenarios().serveAllowsOnlyTheCallersAddress()
    }
    @Test func execPassesStreamsAndStatusThrough() async throws {
        try await Scenarios().execPassesStreamsAndStatusThrough()
    }
    @Test func unknownHostKeyIsRefusedWithItsFingerprint() async throws {
        try await Scenarios().unknownHostKeyIsRefusedWithItsFingerprint()
    }
    @Test func changedHostKeyIsRefusedWithBothFingerprints() async throws {
        try await Scenarios().changedHostKeyIsRefusedWithBothFingerprints()
    }
}

/// Through OpenVPN and the stock firewall, in network namespaces.
@Suite(.enabled(if: Project.hasLab, "needs root, for network namespaces"), .serialized, InLab(.namespaces))
struct NetworkLabTests {
    @Test func acquireImagesEveryByteAndReleasesThePort() async throws {
        try await Scenarios().acquireImagesEveryByteAndReleasesThePort()
    }
    @Test func interruptedAcquisitionLeavesAPartialAndAFreePort() async throws {
        try await Scenarios().interruptedAcquisitionLeavesAPartialAndAFreePort()
    }
    @Test func writableExportIsRefused() async throws { try await Scenarios().writableExportIsRefused() }
    @Test func evidenceAndItsPartitionsAreListed() async throws {
        try await Scenarios().evidenceAndItsPartitionsAreListed()
    }
    @Test func serveAllowsOnlyTheCallersAddress() async throws {
        try await Scenarios().serveAllowsOnlyTheCallersAddress()
    }
    @Test func execPassesStreamsAndStatusThrough() async throws {
        try await Scenarios().execPassesStreamsAndStatusThrough()
    }
    @Test func unknownHostKeyIsRefusedWithItsFingerprint() async throws {
        try await Scenarios().unknownHostKeyIsRefusedWithItsFingerprint()
    }
    @Test func changedHostKeyIsRefusedWithBothFingerprints() async throws {
        try await Scenarios().changedHostKeyIsRefusedWithBothFingerprints()
    }

    @Test func aNeighbourOnTheVPNIsTurnedAwayBeforeItSeesAByte() async throws {
        let lab = try #require(Lab.current)
        let served = try await lab.scout("serve", "nbd", "evidence0", "--json", "--name", "guarded")
        let lease = try JSON.decode(LeaseReport.self, from: Data(served.output.utf8))
        #expect(lease.allow == [CIDR(lab["SCOUT_LAB_EXPERT_ADDRESS"])])
        #expect(try await lab.onExpert(["nbdinfo", "--size", lease.uri]).status == 0)
        let read = "exec 5<>/dev/tcp/\(lab["SCOUT_LAB_ADDRESS"])/\(lease.port); timeout 5 cat <&5 | wc -c"
        let seen = try await lab.run("neighbour", ["bash", "-c", read])
        #expect(seen.output == "0\n", "\(seen.errors)")
        #expect(try await lab.run("neighbour", ["nbdinfo", "--size", lease.uri]).status != 0)
        let ports = try await lab.scout("ports", "--json")
        let report = try JSON.decode(PortsReport.self, from: Data(ports.output.utf8))
        #expect(report.ports.first { $0.port == lease.port }?.lease?.traffic?.refused == 2)
        #expect(try await lab.scout("release", "guarded").status == 0)
    }

    @Test func aWritableDeviceIsNotServedAsEvidence() async throws {
        let lab = try #require(Lab.current)
        let outcome = try await lab.scout("serve", "nbd", "storage0")
        #expect(outcome.status == 77)
        #expect(outcome.errors.contains("ask the owner to map it read-only"))
    }

    @Test func aFullDiskIsSaidAndNothingLooksWhole() async throws {
        let lab = try #require(Lab.current)
        let script = """
            mkdir /tmp/small && mount -t tmpfs -o size=16m none /tmp/small
            scout "$@" acquire evidence0 /tmp/small/x.dd; status=$?
            ls /tmp/small; umount /tmp/small; rmdir /tmp/small; exit $status
            """
        let outcome = try await lab.onExpert(["bash", "-c", script, "bash"] + lab.target)
        #expect(outcome.status == 74, "\(outcome.errors)")
        #expect(!outcome.output.split(separator: "\n").contains("x.dd"))
        try await Scenarios().expectAllPortsFree()
    }

    @Test func aSilentNameServerIsSaidWithinTenSeconds() async throws {
        let lab = try #require(Lab.current)
        let script = """
            printf 'nameserver 127.0.0.1\\noptions timeout:30\\n' >/etc/resolv.conf
            socat -u UDP-RECV:53 OPEN:/dev/null & server=$!
            scout "$@"; status=$?
            kill $server; rm /etc/resolv.conf; exit $status
            """
        for words in [["evidence", "-t", "root@scout.example"], ["acquire", "nbd://scout.example", "/tmp/x.dd"]] {
            let start = ContinuousClock.now
            let outcome = try await lab.onExpert(["bash", "-c", script, "bash"] + words)
            #expect(outcome.status == 69, "\(outcome.errors)")
            #expect(outcome.errors.contains("looking up scout.example took longer than 10 s"), "\(outcome.errors)")
            #expect(ContinuousClock.now - start < .seconds(11))
        }
    }

    @Test func aNameWithASilentAddressIsReachedByTheOther() async throws {
        let lab = try #require(Lab.current)
        // Nobody has the address that the resolver puts first.
        let script = """
            device=$(ip -o route get "$1" | sed 's/.* dev \\([^ ]*\\).*/\\1/')
            ip address add fd00::3/64 dev "$device" nodad
            ip neigh add fd00::2 lladdr 02:00:00:00:00:02 dev "$device" nud permanent
            printf 'fd00::2 scout.example\\n%s scout.example\\n' "$1" >>/etc/hosts
            getent ahosts scout.example | head -1
            scout evidence --target root@scout.example --accept-host-key "$2"
            """
        let words = [lab["SCOUT_LAB_ADDRESS"], lab["SCOUT_LAB_FINGERPRINT"]]
        let outcome = try await lab.onExpert(["bash", "-c", script, "bash"] + words)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.hasPrefix("fd00::2 "), "\(outcome.output)")
        #expect(outcome.output.contains("evidence0"))
    }

    /// Last, for it takes the link away.
    @Test func aDeadLinkIsSaidWithinTenSeconds() async throws {
        let lab = try #require(Lab.current)
        #expect(try await lab.control("link", "down").status == 0)
        let start = ContinuousClock.now
        let outcome = try await lab.scout("evidence")
        let elapsed = ContinuousClock.now - start
        #expect(try await lab.control("link", "up").status == 0)
        #expect(outcome.status == 69, "\(outcome.errors)")
        #expect(outcome.errors.contains("did not answer"))
        #expect(elapsed < .seconds(11))
    }
}
