import Core
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

@testable import Ports

/// What can be served, and what is told of the evidence.
@Suite struct SourceTests {
    @Test func aSourceIsFoundByNameAndByPath() async throws {
        try await PortsBench.with { bench in
            let byName = try OpenSource("evidence0", in: bench.evidence).source
            #expect(byName.name == "evidence0" && byName.path == bench.evidence + "/evidence0")
            #expect(byName.sizeBytes == 1 << 20 && byName.readOnly && !byName.isBlockDevice)
            #expect(symlink(bench.evidence + "/evidence0", bench.bench.directory + "/link") == 0)
            let byPath = try OpenSource(bench.bench.directory + "/link", in: bench.evidence).source
            // A link of the expert's is followed in what is told; the name is the one that was typed.
            #expect(byPath.name == "link" && byPath.path == byName.path && byPath.identity == byName.identity)
            Workbench.write([1, 2], to: bench.bench.directory + "/writable", mode: 0o644)
            let writable = try OpenSource(bench.bench.directory + "/writable", in: bench.evidence).source
            #expect(writable.sizeBytes == 2 && !writable.readOnly)
        }
    }

    @Test func whatIsNoSourceIsNamed() async throws {
        try await PortsBench.with { bench in
            #expect(mkfifo(bench.bench.directory + "/fifo", 0o600) == 0)
            for (text, word) in [
                ("evidence7", "no evidence named"), ("", "no evidence named"), (".", "no evidence named"),
                ("..", "no evidence named"), ("/nowhere", "there is no /nowhere"), ("/dev/null", "neither"),
                (bench.bench.directory, "neither"), (bench.bench.directory + "/fifo", "neither"),
            ] {
                let error = scoutError { _ = try OpenSource(text, in: bench.evidence) }
                #expect(error?.code == .noSource && error?.message.contains(word) == true, "\(text): \(error as Any)")
            }
            let known = scoutError { _ = try OpenSource("evidence7", in: bench.evidence) }
            #expect(known?.hint == "known: evidence0")
        }
    }

    @Test func aSourceThatDoesNotOpenInTimeIsLeft() async throws {
        try await PortsBench.with { bench in
            let error = scoutError { _ = try OpenSource.open("evidence0", in: bench.evidence, trial: []) }
            #expect(error?.code == .failed)
            let opened = try OpenSource.open("evidence0", in: bench.evidence, trial: ["/bin/true"])
            #expect(opened.source.name == "evidence0")
        }
    }

    @Test func namesAreInTheOrderInWhichPeopleCount() async throws {
        try await PortsBench.with { bench in
            for name in ["evidence10", "evidence9", "storage0", ".hidden", "evidence1"] {
                Workbench.write([], to: "\(bench.evidence)/\(name)")
            }
            #expect(
                Source.names(in: bench.evidence) == ["evidence0", "evidence1", "evidence9", "evidence10", "storage0"])
            #expect(Source.names(in: "/nowhere").isEmpty)
        }
    }

    // MARK: - The list

    private func report(_ bench: PortsBench, examine: [String]? = nil) async throws -> EvidenceReport {
        let leases = bench.status.report().ports.compactMap { $0.lease?.service }
        return await EvidenceList(paths: bench.paths).report(
            leases: leases, examineCommand: examine ?? bench.scout("examine", "--"))
    }

    @Test func theListSaysWhatIsExportedWhere() async throws {
        try await PortsBench.with { bench in
            #expect(symlink("/nowhere", bench.evidence + "/evidence1") == 0)
            #expect(symlink("/dev/null", bench.evidence + "/evidence2") == 0)
            let lease = try bench.serve { $0.port = 2004 }
            let devices = try await report(bench).devices
            // What is no device is left out; what leads nowhere is told.
            #expect(devices.map(\.name) == ["evidence0", "evidence1"])
            #expect(devices[0].exportedOn == [lease.port] && devices[0].sizeBytes == 1 << 20 && devices[0].readOnly)
            #expect(devices[0].reason == nil && devices[1].exportedOn.isEmpty && devices[1].reason != nil)
            // Another file under the same name is not what is exported.
            #expect(unlink(bench.evidence + "/evidence0") == 0)
            Workbench.write([1], to: bench.evidence + "/evidence0", mode: 0o444)
            #expect(try await report(bench).devices[0].exportedOn == [])
        }
    }

    @Test(arguments: [
        ["/bin/echo", "nonsense"], ["/bin/false"], ["/nowhere/at/all"], ["/usr/bin/yes"], ["/bin/kill"], [],
    ])
    func anExaminationThatFailsIsAReasonAndNotASilence(command: [String]) async throws {
        try await PortsBench.with { bench in
            let devices = try await report(bench, examine: command).devices
            #expect(devices.map(\.name) == ["evidence0"] && devices.first?.reason != nil, "\(devices)")
        }
    }

    @Test func theLastWordOfAnExaminationCounts() async throws {
        try await PortsBench.with { bench in
            let program = bench.bench.directory + "/examine"
            let line = try #require(
                String(
                    data: JSONEncoder().encode([
                        "device": EvidenceReport.Device(
                            name: "evidence0", path: "/x", sizeBytes: 5, readOnly: true, partitions: [], exportedOn: [])
                    ]), encoding: .utf8))
            let text = "#!/bin/sh\necho '\(line)'\nprintf '{\"device\":'\nexit $1\n"
            Workbench.write(Array(text.utf8), to: program, mode: 0o700)
            let whole = try await report(bench, examine: [program, "0"]).devices
            #expect(whole.map(\.sizeBytes) == [5] && whole.first?.reason == nil)
            let broken = try await report(bench, examine: [program, "1"]).devices
            #expect(broken.map(\.sizeBytes) == [5] && broken.first?.reason?.contains("does not answer") == true)
        }
    }
}
