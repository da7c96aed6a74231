import Core
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

/// What `evidence` lists of a partition is what `serve --partition` exports, byte for byte.
@Suite struct PartitionTests {
    /// A disk of 512-byte sectors that each begin with their number, so that a wrong range shows.
    private static let sectors = 32768

    private func makeDisk(_ bench: Workbench, _ name: String, script: String, after: String = "true") async throws
        -> String
    {
        let path = "\(bench.directory)/\(name).img"
        var bytes = [UInt8](repeating: 0, count: Self.sectors * 512)
        for sector in 64..<Self.sectors - 64 {
            for place in 0..<4 { bytes[sector * 512 + place] = UInt8(truncatingIfNeeded: sector >> (8 * place)) }
        }
        Workbench.write(bytes, to: path)
        let outcome = try await bench.tool("bash")("-ec", "\(script)\n\(after)", path)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return path
    }

    private func evidence(_ bench: Workbench, _ name: String) async throws -> EvidenceReport.Device {
        let outcome = try await bench.scout("evidence", "--json")
        let report = try JSON.decode(EvidenceReport.self, from: Data(outcome.output.utf8))
        return try #require(report.devices.first { $0.name == name })
    }

    /// Exports each listed partition and compares it with the bytes of the image at that place.
    private func exportsAreAsListed(
        _ bench: Workbench, _ name: String, image: String, _ expected: [(number: Int, start: Int64, size: Int64)],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let device = try await evidence(bench, name)
        #expect(device.reason == nil, sourceLocation: sourceLocation)
        let listed = device.partitions.map { "\($0.number) \($0.startBytes) \($0.sizeBytes)" }
        #expect(listed == expected.map { "\($0.number) \($0.start) \($0.size)" }, sourceLocation: sourceLocation)
        let bytes = try #require(try File.read(image, limit: 1 << 26))
        for partition in device.partitions {
            let served = try await bench.scout("serve", "nbd", name, "--partition", "\(partition.number)", "--json")
            try #require(served.status == 0, "\(served.errors)\(served.output)", sourceLocation: sourceLocation)
            let lease = try JSON.decode(LeaseReport.self, from: Data(served.output.utf8))
            #expect(lease.offsetBytes == partition.startBytes && lease.sizeBytes == partition.sizeBytes)
            let copy = bench.directory + "/copy"
            #expect(try await bench.tool("nbdcopy")(lease.uri, copy).status == 0)
            let range = Int(partition.startBytes)..<Int(partition.startBytes + partition.sizeBytes)
            #expect(try File.read(copy, limit: 1 << 26).map { $0 == Array(bytes[range]) } == true)
            #expect(try await bench.scout("release", "\(lease.port)").status == 0)
        }
    }

    private func link(_ bench: Workbench, _ name: String, to path: String) {
        #expect(symlink(path, "\(bench.directory)/evidence/\(name)") == 0)
    }

    @Test func logicalPartitionsAreExportedAsListed() async throws {
        try await Workbench.with { bench in
            let image = try await makeDisk(
                bench, "mbr",
                script: """
                    printf 'label: dos\\nstart=2048,size=2048,type=83\\nstart=4096,size=16384,type=5\\nstart=6144,size=2048,type=83
                    start=10240,size=4096,type=83\\n' | sfdisk -q "$0"
                    """)
            link(bench, "evidence1", to: image)
            // The extended partition as the table has it: all of it.
            try await exportsAreAsListed(
                bench, "evidence1", image: image,
                [
                    (1, 2048 * 512, 2048 * 512), (2, 4096 * 512, 16384 * 512), (5, 6144 * 512, 2048 * 512),
                    (6, 10240 * 512, 4096 * 512),
                ])
        }
    }

    @Test func aTableThatOnlyItsBackupHasIsExportedAsListed() async throws {
        try await Workbench.with { bench in
            let image = try await makeDisk(
                bench, "gpt", script: "printf 'label: gpt\\nstart=2048,size=20480\\n' | sfdisk -q \"$0\"",
                after: "dd if=/dev/zero of=\"$0\" bs=512 seek=1 count=33 conv=notrunc status=none")
            link(bench, "evidence1", to: image)
            try await exportsAreAsListed(bench, "evidence1", image: image, [(1, 2048 * 512, 10_485_760)])
        }
    }

    @Test func aHybridTableIsReadAsTheGPTItIs() async throws {
        try await Workbench.with { bench in
            let image = try await makeDisk(
                bench, "hybrid",
                script: "printf 'label: gpt\\nstart=2048,size=2048\\nstart=8192,size=1024\\n' | sfdisk -q \"$0\"",
                // A second entry in the protective table, as Boot Camp's tools write it: sectors 8192 and 1024 as type 7.
                after: """
                    printf '\\0\\0\\0\\0\\007\\0\\0\\0\\0\\040\\0\\0\\0\\004\\0\\0' | \
                    dd of="$0" bs=1 seek=462 conv=notrunc status=none
                    """)
            link(bench, "evidence1", to: image)
            try await exportsAreAsListed(
                bench, "evidence1", image: image, [(1, 2048 * 512, 2048 * 512), (2, 8192 * 512, 1024 * 512)])
        }
    }

    @Test func aPartitionThatIsNotThereIsAnsweredWithThoseThatAre() async throws {
        try await Workbench.with { bench in
            let image = try await makeDisk(
                bench, "gpt", script: "printf 'label: gpt\\nstart=2048,size=2048\\n' | sfdisk -q \"$0\"")
            link(bench, "evidence1", to: image)
            let outcome = try await bench.scout("serve", "nbd", "evidence1", "--partition", "9")
            #expect(outcome.status == 66)
            #expect(outcome.errors.contains("1 (1048576 bytes from 1048576)"), "\(outcome.errors)")
        }
    }

    @Test func aPartitionThatEndsBehindTheDiskIsRefused() async throws {
        try await Workbench.with { bench in
            let image = try await makeDisk(
                bench, "cut", script: "printf 'label: dos\\nstart=2048,size=20480,type=83\\n' | sfdisk -q \"$0\"",
                after: "truncate -s 4M \"$0\"")
            link(bench, "evidence1", to: image)
            let outcome = try await bench.scout("serve", "nbd", "evidence1", "--partition", "1")
            let listed = try await evidence(bench, "evidence1").partitions
            // What the reader still lists is refused; what it no longer lists is not there.
            #expect(outcome.status == (listed.isEmpty ? 66 : 65), "\(outcome.errors)")
            #expect(try await bench.scout("ports").output.contains("leased") == false)
        }
    }

    /// The backup is gone with the end, and the header names a sector that is not there: no reader takes the rest.
    @Test(arguments: [
        "truncate -s 4M \"$0\"", "dd if=/dev/zero of=\"$0\" bs=512 seek=1 conv=notrunc status=none count=32767",
    ])
    func aGPTThatCannotBeReadIsNotCalledNone(damage: String) async throws {
        try await Workbench.with { bench in
            let image = try await makeDisk(
                bench, "cut", script: "printf 'label: gpt\nstart=2048,size=2048\n' | sfdisk -q \"$0\"", after: damage)
            link(bench, "evidence1", to: image)
            let device = try await evidence(bench, "evidence1")
            #expect(device.partitions.isEmpty && device.reason?.contains("a GPT that is damaged") == true)
            let outcome = try await bench.scout("serve", "nbd", "evidence1", "--partition", "1")
            #expect(outcome.status == 74 && outcome.errors.contains("can't be told"), "\(outcome.errors)")
            // A disk without any table has none to tell of.
            #expect(try await evidence(bench, "evidence0").reason == nil)
        }
    }

    @Test func damagedTablesNeitherCrashNorHang() async throws {
        try await Workbench.with { bench in
            var generator = SystemRandomNumberGenerator()
            for number in 1...6 {
                let label = number % 2 == 0 ? "gpt" : "dos"
                let image = try await makeDisk(
                    bench, "bad\(number)",
                    script: """
                        printf 'label: \(label)\\nstart=2048,size=2048\\nstart=4096,size=16384\(label == "dos" ? ",type=5" : "")
                        ' | sfdisk -q "$0"
                        """)
                let descriptor = open(image, O_WRONLY)
                for _ in 0..<60 {
                    var byte = UInt8.random(in: 0 ... .max, using: &generator)
                    let place = [0, 446, 2048 * 512, 512][Int.random(in: 0..<4)] + Int.random(in: 0..<512)
                    pwrite(descriptor, &byte, 1, off_t(place))
                }
                close(descriptor)
                link(bench, "evidence\(number)", to: image)
            }
            let start = ContinuousClock.now
            let outcome = try await bench.scout("evidence", "--json")
            #expect(outcome.status == 0)
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    @Suite(.enabled(if: Project.hasLab, "needs root for loop devices"))
    struct OnLoopDevices {
        /// Attaches an image while the body runs.
        private func withLoop(
            _ bench: Workbench, _ image: String, _ options: String..., body: (String) async throws -> Void
        ) async throws {
            let attached = try await bench.tool("losetup").run(["--find", "--show"] + options + [image])
            let device = String(attached.output.prefix { $0 != "\n" })
            try #require(attached.status == 0 && device.hasPrefix("/dev/loop"), "\(attached.errors)")
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body(device)) } catch { outcome = .failure(error) }
            _ = try? await bench.scout("release", "--all")
            #expect(try await bench.tool("losetup")("--detach", device).status == 0)
            try outcome.get()
        }

        @Test(arguments: [("gpt", "start=256,size=2048"), ("dos", "start=256,size=2048,type=83")])
        func aDiskOf4096ByteSectorsIsExportedAsListed(label: String, partition: String) async throws {
            let suite = PartitionTests()
            try await Workbench.with { bench in
                let image = try await suite.makeDisk(bench, "big", script: "true")
                try await withLoop(bench, image, "--sector-size", "4096") { device in
                    let made = try await bench.tool("bash")(
                        "-c",
                        "printf 'label: \(label)\\n\(partition)\\n' | sfdisk -q --no-reread --no-tell-kernel \(device)")
                    try #require(made.status == 0, "\(made.errors)")
                }
                try await withLoop(bench, image, "--sector-size", "4096", "--read-only") { device in
                    suite.link(bench, "evidence1", to: device)
                    try await suite.exportsAreAsListed(
                        bench, "evidence1", image: image, [(1, 256 * 4096, 8_388_608)])
                }
                guard label == "gpt" else { return }
                // The same disk through sectors of 512 bytes: as a device, and as a file.
                try await withLoop(bench, image, "--read-only") { device in
                    suite.link(bench, "evidence2", to: device)
                    suite.link(bench, "evidence3", to: image)
                    for name in ["evidence2", "evidence3"] {
                        try await suite.exportsAreAsListed(bench, name, image: image, [(1, 256 * 4096, 8_388_608)])
                    }
                }
            }
        }

        @Test func aDiskOf512ByteSectorsThrough4096IsExportedAsListed() async throws {
            let suite = PartitionTests()
            try await Workbench.with { bench in
                let image = try await suite.makeDisk(
                    bench, "small", script: "printf 'label: gpt\\nstart=2048,size=2048\\n' | sfdisk -q \"$0\"")
                try await withLoop(bench, image, "--sector-size", "4096", "--read-only") { device in
                    suite.link(bench, "evidence1", to: device)
                    try await suite.exportsAreAsListed(bench, "evidence1", image: image, [(1, 1_048_576, 1_048_576)])
                }
            }
        }

        @Test func aMappedPartitionIsADiskOfItsOwn() async throws {
            let suite = PartitionTests()
            try await Workbench.with { bench in
                let image = try await suite.makeDisk(
                    bench, "whole", script: "printf 'label: gpt\\nstart=2048,size=4096\\n' | sfdisk -q \"$0\"")
                try await withLoop(bench, image, "--read-only") { device in
                    // The kernel may read no tables by itself, and there may be no daemon that makes nodes. Whoever had
                    // this loop device before may have left a partition on it.
                    let node = bench.directory + "/part"
                    let made = try await bench.tool("bash")(
                        "-ec",
                        """
                        partx --delete \(device) || true
                        partx --add \(device)
                        IFS=: read -r major minor < /sys/class/block/\(device.dropFirst(5))p1/dev
                        mknod '\(node)' b "$major" "$minor"
                        """)
                    try #require(made.status == 0, "\(made.errors)")
                    suite.link(bench, "evidence1", to: node)
                    let seen = try await suite.evidence(bench, "evidence1")
                    // Detached with its partition, a loop device keeps it for whoever gets that device next.
                    #expect(try await bench.tool("partx")("--delete", device).status == 0)
                    #expect(seen.sizeBytes == 4096 * 512)
                    #expect(seen.partitions.isEmpty)
                }
            }
        }
    }
}
