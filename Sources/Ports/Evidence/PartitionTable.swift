import Core
import Glibc
import Platform

/// The partitions of a source: the one reader for the list that `evidence` shows and for the range that `serve` exports.
struct PartitionTable {
    /// As the table has them; a partition may end behind the source's end.
    var partitions: [EvidenceReport.Partition] = []
    /// Why they are not known, or not all of them.
    var reason: String?

    /// Reads the table of an open source.
    ///
    /// partx(8), of util-linux, does it in a process of its own, on the very descriptor: it reads GPT (by its backup, too),
    /// MBR with logical partitions, Mac, BSD and more, never writes, and can crash or hang without harm.
    ///
    /// A disk may have been formatted with sectors of another size than it is seen with now, as that of a 4Kn disk in an
    /// image, or behind a USB bridge. So where no table is found with the source's own sectors, a GPT is looked for with
    /// those of 512 and 4096 bytes. A GPT proves itself by its checksum; an MBR doesn't, so it counts with the source's own
    /// sectors only.
    ///
    /// - Parameters:
    ///   - opened: the source.
    ///   - path: where programs are looked for, as `PATH` has it.
    ///   - deadline: how long the source may take to answer, in all.
    static func read(_ opened: OpenSource, path: String?, within deadline: Duration = Source.deadline) -> PartitionTable
    {
        guard let partx = ChildProcess.find("partx", path: path) else {
            return PartitionTable(reason: "partx is not installed: apt-get install util-linux")
        }
        let end = ContinuousClock.now + deadline
        for sectorSize in [nil, 512, 4096] {
            let left = end - .now
            let table = list(opened, partx, sectorSize: sectorSize, within: left)
            if table.reason != nil || !table.partitions.isEmpty { return table }
        }
        // No table, or no way to read one.
        return PartitionTable(reason: fault(opened, within: end - .now))
    }

    private static func list(
        _ opened: OpenSource, _ partx: String, sectorSize: Int?, within deadline: Duration
    ) -> PartitionTable {
        // Behind the dash comes a whole disk, even if it is itself a partition of another.
        let words =
            ["partx"] + (sectorSize.map { ["--sector-size", "\($0)"] } ?? [])
            + ["--raw", "--noheadings", "--bytes", "--output", "NR,START,SIZE,SCHEME,TYPE", "-", "/dev/fd/3"]
        let command = ChildProcess(partx, words, descriptors: [.init(opened.descriptor, as: 3)])
        let output: ChildProcess.Output
        do throws(SystemError) {
            output = try command.output(within: deadline, limit: 1 << 20)
        } catch {
            return PartitionTable(reason: error.message)
        }
        guard let status = output.status else { return PartitionTable(reason: silent) }
        if case .signalled(let number) = status {
            return PartitionTable(reason: "partx was ended by signal \(number)")
        }
        var table = PartitionTable()
        for line in String(decoding: output.bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count >= 4, let number = Int(words[0]), number > 0, let start = bytes(words[1], unit: 512),
                let size = bytes(words[2], unit: 1)
            else {
                table.reason = "a line of partx is not understood"
                continue
            }
            guard sectorSize == nil || words[3] == "gpt" else { continue }
            table.partitions.append(
                EvidenceReport.Partition(
                    number: number, startBytes: start, sizeBytes: size, type: words.count > 4 ? String(words[4]) : "-"))
        }
        return table
    }

    /// A number that is within what a disk can have.
    private static func bytes(_ text: Substring, unit: Int64) -> Int64? {
        guard let number = Int64(text), number >= 0,
            case (let bytes, false) = number.multipliedReportingOverflow(by: unit)
        else { return nil }
        return bytes
    }

    private static var silent: String { "no answer within \(Source.deadline.components.seconds) s" }

    /// Why a source in which no table was found may have one all the same; `nil` where nothing speaks for it.
    private static func fault(_ opened: OpenSource, within deadline: Duration) -> String? {
        let length = Int(clamping: min(opened.source.sizeBytes, 8192))
        let found = try? Bounded.run(within: max(deadline, .milliseconds(100))) { () -> (code: CInt, bytes: [UInt8]) in
            var bytes = [UInt8](repeating: 0, count: length)
            let count = pread(opened.descriptor, &bytes, length, 0)
            return count < 0 ? (errno, []) : (0, bytes)
        }
        guard let found else { return silent }
        guard found.code == 0 else {
            return "its first sectors can't be read: \(String(cString: strerror(found.code)))"
        }
        return announcesGPT(found.bytes) ? "it has a GPT that is damaged, or was made for a longer disk" : nil
    }

    /// Whether a disk begins with a GPT's header, or with the protective MBR before one (UEFI 2.10, 5.2.3 and 5.3.2).
    private static func announcesGPT(_ bytes: [UInt8]) -> Bool {
        if [512, 4096].contains(where: { bytes.dropFirst($0).starts(with: Array("EFI PART".utf8)) }) { return true }
        return bytes.count >= 512 && bytes[510...511] == [0x55, 0xAA] && bytes[450] == 0xEE
            && bytes[454...457] == [1, 0, 0, 0]
    }
}

/// The part of a source that is exported.
struct ExportRange: Hashable, Sendable {
    /// Where it starts.
    let offsetBytes: Int64
    /// How long it is.
    let sizeBytes: Int64

    /// Decides which part a request asks for.
    ///
    /// - Throws: `ScoutError`: `noSource` with the list where there is no such partition, `badData` where it isn't wholly
    ///   within the source, `io` where the table can't be read.
    init(of opened: OpenSource, _ request: NBDRequest, path: String?) throws(ScoutError) {
        let source = opened.source
        if let number = request.partition {
            let found = try Self.partition(number, of: opened, path: path)
            (offsetBytes, sizeBytes) = (found.startBytes, found.sizeBytes)
            guard sizeBytes > 0, offsetBytes <= source.sizeBytes, sizeBytes <= source.sizeBytes - offsetBytes else {
                throw ScoutError(
                    .badData,
                    "partition \(number) has \(sizeBytes) bytes from \(offsetBytes), but \(source.name) ends at "
                        + "\(source.sizeBytes)",
                    hint: "--offset and --length export what is there of it")
            }
            return
        }
        offsetBytes = request.offsetBytes ?? 0
        guard offsetBytes < source.sizeBytes || offsetBytes == 0 else {
            throw ScoutError(
                .io,
                "\(source.path) can't be exported: it has \(source.sizeBytes) bytes, and none from \(offsetBytes) on")
        }
        sizeBytes = request.lengthBytes ?? source.sizeBytes - offsetBytes
        guard sizeBytes <= source.sizeBytes - offsetBytes else {
            throw ScoutError(
                .io,
                "\(source.path) can't be exported: it has \(source.sizeBytes) bytes, not \(sizeBytes) from "
                    + "\(offsetBytes) on")
        }
        // A whole source may be empty; a part that was asked for may not.
        guard sizeBytes > 0 || request.lengthBytes == nil else {
            throw ScoutError(.io, "\(source.path) can't be exported: no bytes of it were asked for")
        }
    }

    private static func partition(
        _ number: Int, of opened: OpenSource, path: String?
    ) throws(ScoutError) -> EvidenceReport.Partition {
        let table = PartitionTable.read(opened, path: path)
        if let found = table.partitions.first(where: { $0.number == number }) { return found }
        let name = opened.source.name
        if let reason = table.reason {
            throw ScoutError(.io, "the partitions of \(name) can't be told: \(reason)")
        }
        let known = table.partitions.map { "\($0.number) (\($0.sizeBytes) bytes from \($0.startBytes))" }
        throw ScoutError(
            .noSource, "\(name) has no partition \(number)",
            hint: known.isEmpty ? "no partition table was found in it" : "it has \(known.joined(separator: ", "))")
    }
}
