import Core
import Glibc
import Platform
import TestSupport
import Testing

@testable import Ports

/// One reader of partition tables, for the list and for the export.
@Suite struct PartitionTableTests {
    private func table(_ bench: PortsBench, _ path: String) throws -> PartitionTable {
        PartitionTable.read(try OpenSource(path, in: bench.evidence), path: bench.paths.environment["PATH"])
    }

    private func ranges(_ table: PartitionTable) -> [[Int64]] {
        table.partitions.map { [Int64($0.number), $0.startBytes, $0.sizeBytes] }
    }

    private static let gpt = """
        truncate -s 16M "$0"
        printf 'label: gpt\\nstart=2048,size=2048\\nstart=8192,size=1024\\n' | sfdisk -q "$0"
        """
    private static let dos = """
        truncate -s 16M "$0"
        printf 'label: dos\\nstart=2048,size=2048,type=83\\nstart=4096,size=16384,type=5\\nstart=6144,size=2048,type=7\\n' \
        | sfdisk -q "$0"
        """

    @Test func aGPTIsRead() async throws {
        try await PortsBench.with { bench in
            let table = try table(bench, try await bench.makeSource("gpt", script: Self.gpt))
            #expect(ranges(table) == [[1, 1 << 20, 1 << 20], [2, 4 << 20, 1 << 19]])
            #expect(table.reason == nil)
            #expect(table.partitions.first?.type.lowercased() == "0fc63daf-8483-4772-8e79-3d69d8477de4")
        }
    }

    @Test func anMBRIsReadWithItsLogicalPartitions() async throws {
        try await PortsBench.with { bench in
            let table = try table(bench, try await bench.makeSource("dos", script: Self.dos))
            #expect(ranges(table).contains([1, 1 << 20, 1 << 20]))
            #expect(ranges(table).contains([5, 3 << 20, 1 << 20]) && table.reason == nil)
        }
    }

    @Test func aDiskWithoutATableHasNoneAndNoReason() async throws {
        try await PortsBench.with { bench in
            for size in [0, 1, 511, 512, 4096, 1 << 20] {
                let path = bench.bench.directory + "/plain"
                Workbench.write([UInt8](repeating: 7, count: size), to: path)
                let table = try table(bench, path)
                #expect(table.partitions.isEmpty && table.reason == nil, "\(size): \(table.reason ?? "")")
            }
        }
    }

    @Test func aGPTThatIsDamagedIsNotCalledNone() async throws {
        try await PortsBench.with { bench in
            let wiped = Self.gpt + "\ndd if=/dev/zero of=\"$0\" bs=512 seek=1 conv=notrunc status=none count=32767"
            let cut = Self.gpt + "\ntruncate -s 4M \"$0\""
            for (number, script) in [wiped, cut].enumerated() {
                let table = try table(bench, try await bench.makeSource("bad\(number)", script: script))
                #expect(table.partitions.isEmpty && table.reason?.contains("a GPT that is damaged") == true)
            }
        }
    }

    @Test func aProtectiveTableAloneSpeaksForAGPT() async throws {
        try await PortsBench.with { bench in
            var sector = [UInt8](repeating: 0, count: 4096)
            (sector[450], sector[454], sector[510], sector[511]) = (0xEE, 1, 0x55, 0xAA)
            for (isProtective, change) in [(true, nil), (false, 450), (false, 510), (false, 511)] as [(Bool, Int?)] {
                var bytes = sector
                if let change { bytes[change] = 0 }
                let path = bench.bench.directory + "/sectors"
                Workbench.write(bytes, to: path)
                let table = try table(bench, path)
                // What partx makes of the rest is its own; damage is told where the mark is whole.
                if isProtective { #expect(table.reason?.contains("a GPT that is damaged") == true) }
                if change == 510 || change == 511 { #expect(table.reason == nil, "\(String(describing: change))") }
            }
        }
    }

    @Test func withoutPartxTheReasonNamesThePackage() async throws {
        try await PortsBench.with { bench in
            let opened = try OpenSource("evidence0", in: bench.evidence)
            let programs = bench.bench.directory + "/none"
            #expect(mkdir(programs, 0o700) == 0)
            // Administrators' directories are always looked in; partx is in none of them here.
            guard access("/usr/sbin/partx", X_OK) != 0, access("/sbin/partx", X_OK) != 0 else { return }
            let table = PartitionTable.read(opened, path: programs)
            #expect(table.reason?.contains("apt-get install util-linux") == true)
        }
    }

    /// What a script in place of partx makes of a source.
    private func table(_ bench: PortsBench, partx: String, within deadline: Duration = .seconds(5)) throws
        -> PartitionTable
    {
        let programs = bench.bench.directory + "/programs"
        _ = mkdir(programs, 0o700)
        Workbench.write(Array("#!/bin/sh\n\(partx)\n".utf8), to: programs + "/partx", mode: 0o700)
        return PartitionTable.read(
            try OpenSource("evidence0", in: bench.evidence), path: "\(programs):/usr/bin:/bin", within: deadline)
    }

    @Test(arguments: [
        "1 2 3", "x 2048 512 gpt", "0 2048 512 gpt", "-1 2048 512 gpt", "1 -5 512 gpt", "1 2048 -1 gpt",
        "1 99999999999999999999 512 gpt", "1 9223372036854775807 512 gpt", "1 2048 9223372036854775808 gpt",
    ])
    func aLineThatCannotBeSoIsAReason(line: String) async throws {
        try await PortsBench.with { bench in
            let table = try table(bench, partx: "echo '\(line)'; echo '2 2048 512 gpt 0x83'")
            #expect(table.reason == "a line of partx is not understood")
            #expect(ranges(table) == [[2, 1 << 20, 512]])
        }
    }

    @Test func aReaderThatDiesOrHangsIsAReason() async throws {
        try await PortsBench.with { bench in
            let killed = try table(bench, partx: "kill -SEGV $$")
            #expect(killed.reason == "partx was ended by signal 11")
            let start = ContinuousClock.now
            let silent = try table(bench, partx: "exec sleep 100", within: .milliseconds(300))
            #expect(silent.reason?.contains("no answer") == true)
            #expect(ContinuousClock.now - start < .seconds(3))
            let endless = try table(bench, partx: "yes 1 2 3", within: .seconds(2))
            #expect(endless.reason != nil)
        }
    }

    @Test func otherSectorSizesCountForAGPTOnly() async throws {
        try await PortsBench.with { bench in
            // Of a source that has no table with its own sectors, one with others is asked for.
            let answers = """
                case "$*" in
                *"--sector-size 4096"*) echo "1 2048 1024 gpt 0x83"; echo "2 4096 1024 dos 0x83" ;;
                esac
                """
            let found = try table(bench, partx: answers)
            #expect(ranges(found) == [[1, 1 << 20, 1024]])
        }
    }

    // MARK: - The part that is exported

    private func range(_ bench: PortsBench, _ source: String, _ change: (inout NBDRequest) -> Void) throws
        -> ExportRange
    {
        var request = NBDRequest(source: source)
        change(&request)
        return try ExportRange(
            of: OpenSource(source, in: bench.evidence), request, path: bench.paths.environment["PATH"])
    }

    @Test func theWholeSourceOrThePartThatWasAskedForIsExported() async throws {
        try await PortsBench.with { bench in
            let whole = try range(bench, "evidence0") { _ in }
            #expect(whole.offsetBytes == 0 && whole.sizeBytes == 1 << 20)
            let tail = try range(bench, "evidence0") { $0.offsetBytes = (1 << 20) - 1 }
            #expect(tail.offsetBytes == (1 << 20) - 1 && tail.sizeBytes == 1)
            let part = try range(bench, "evidence0") { ($0.offsetBytes, $0.lengthBytes) = (512, (1 << 20) - 512) }
            #expect(part.offsetBytes == 512 && part.sizeBytes == (1 << 20) - 512)
            Workbench.write([], to: bench.bench.directory + "/empty")
            #expect(try range(bench, bench.bench.directory + "/empty") { _ in }.sizeBytes == 0)
        }
    }

    @Test(
        arguments: [
            (1 << 20, nil), (1 << 21, nil), (512, (1 << 20) - 511), (0, (1 << 20) + 1), (0, 0), (Int64.max, 1),
        ] as [(Int64, Int64?)])
    func aPartThatIsNotThereIsRefused(offset: Int64, length: Int64?) async throws {
        try await PortsBench.with { bench in
            let error = scoutError {
                _ = try range(bench, "evidence0") { ($0.offsetBytes, $0.lengthBytes) = (offset, length) }
            }
            #expect(error?.code == .io && error?.message.contains("can't be exported") == true, "\(error as Any)")
        }
    }

    @Test func aPartitionIsExportedAsItIsListed() async throws {
        try await PortsBench.with { bench in
            let path = try await bench.makeSource("gpt", script: Self.gpt)
            let second = try range(bench, path) { $0.partition = 2 }
            #expect(second.offsetBytes == 4 << 20 && second.sizeBytes == 1 << 19)
            let missing = scoutError { _ = try range(bench, path) { $0.partition = 3 } }
            #expect(missing?.code == .noSource && missing?.hint?.contains("2 (524288 bytes from 4194304)") == true)
            let none = scoutError { _ = try range(bench, "evidence0") { $0.partition = 1 } }
            #expect(none?.code == .noSource && none?.hint == "no partition table was found in it")
            let cut = try await bench.makeSource(
                "cut", script: Self.dos + "\ntruncate -s $((512 * 4095)) \"$0\"")
            let short = scoutError { _ = try range(bench, cut) { $0.partition = 1 } }
            #expect(short?.code == .badData || short?.code == .noSource, "\(short as Any)")
        }
    }
}
