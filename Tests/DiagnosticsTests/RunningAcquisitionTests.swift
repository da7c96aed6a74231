import Core
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

@testable import Diagnostics

/// What `status` learns of the acquisitions of this machine.
@Suite struct RunningAcquisitionTests {
    private func withPaths(_ body: (Paths, _ records: String) throws -> Void) throws {
        let directory = "/tmp/scout-test-\(Project.uniqueName())"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        let outcome = Result {
            try body(
                Paths(environment: ["SCOUT_RUNTIME_DIR": directory, "HOME": directory]), directory + "/acquisitions")
        }
        try FileManager.default.removeItem(atPath: directory)
        try outcome.get()
    }

    private func begun(_ pid: Int32) -> RunningAcquisition {
        RunningAcquisition(
            pid: pid, target: "case42", source: "evidence0", image: "/images/\(pid).dd",
            startedAt: Date(timeIntervalSince1970: 1_700_000_000))
    }

    @Test func anAcquisitionIsSeenWhileItLives() throws {
        try withPaths { paths, records in
            #expect(RunningAcquisition.all(paths).isEmpty)
            var record: RunningAcquisition.Record? = RunningAcquisition.Record(begun(41), paths)
            // Looked at by many, who are in nobody's way.
            for _ in 0..<3 { #expect(RunningAcquisition.all(paths).map(\.image) == ["/images/41.dd"]) }
            record?.note(phase: "verifying", doneBytes: 5, totalBytes: 10, bytesPerSecond: 2)
            // Once a second is enough.
            record?.note(phase: "verifying", doneBytes: 6, totalBytes: 10, bytesPerSecond: 2)
            let seen = try #require(RunningAcquisition.all(paths).first)
            #expect(seen.phase == "verifying" && seen.doneBytes == 5 && seen.totalBytes == 10)
            #expect(seen.pid == 41 && seen.target == "case42" && seen.startedAt == begun(41).startedAt)
            record = nil
            #expect(RunningAcquisition.all(paths).isEmpty)
            #expect(try FileManager.default.contentsOfDirectory(atPath: records).isEmpty)
        }
    }

    /// A process that was killed leaves its files, and no lock on them.
    @Test func theRecordsOfTheDeadAreRemoved() throws {
        try withPaths { paths, records in
            let living = RunningAcquisition.Record(begun(41), paths)
            for end in ["lock", "json"] {
                try FileManager.default.copyItem(atPath: "\(records)/41.json", toPath: "\(records)/42.\(end)")
            }
            #expect(RunningAcquisition.all(paths).map(\.pid) == [41])
            #expect(try FileManager.default.contentsOfDirectory(atPath: records).sorted() == ["41.json", "41.lock"])
            living.note(phase: "reading", doneBytes: 0, totalBytes: 0, bytesPerSecond: 0)
        }
    }

    /// What somebody else has put there is neither shown nor touched, and what can't be read is passed over.
    @Test func whatIsNotARecordIsPassedOver() throws {
        try withPaths { paths, records in
            let living = RunningAcquisition.Record(begun(41), paths)
            #expect(symlink("/etc/hostname", records + "/7.lock") == 0)
            #expect(mkdir(records + "/8.lock", 0o700) == 0)
            let damaged = RunningAcquisition.Record(begun(43), paths)
            try Data("{".utf8).write(to: URL(filePath: records + "/43.json"))
            #expect(RunningAcquisition.all(paths).map(\.pid) == [41])
            #expect(try FileManager.default.contentsOfDirectory(atPath: records).count == 6)
            living.note(phase: "reading", doneBytes: 0, totalBytes: 0, bytesPerSecond: 0)
            damaged.note(phase: "reading", doneBytes: 0, totalBytes: 0, bytesPerSecond: 0)
        }
    }
}
