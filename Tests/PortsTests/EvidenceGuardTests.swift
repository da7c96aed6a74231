import Core
import Glibc
import Platform
import TestSupport
import Testing

@testable import Ports

/// Which disk a name leads to, and what is never exported for writing.
@Suite struct EvidenceGuardTests {
    private func refusal(_ bench: PortsBench, _ text: String) -> ScoutError? {
        do throws(ScoutError) {
            let source = try OpenSource(text, in: bench.evidence).source
            try EvidenceGuard(directory: bench.evidence).refuseEvidence(source, as: text)
            return nil
        } catch { return error }
    }

    @Test func evidenceIsKnownByItsNameAndByItsDisk() async throws {
        try await PortsBench.with { bench in
            let (directory, evidence) = (bench.bench.directory, bench.evidence)
            let disk = directory + "/disk.img"
            Workbench.write([1], to: disk)
            Workbench.write([1], to: directory + "/Evidence-copy")
            #expect(symlink(disk, evidence + "/evidence1") == 0)
            #expect(link(disk, directory + "/hard") == 0)
            #expect(symlink(evidence + "/evidence0", directory + "/harmless") == 0)
            #expect(symlink(directory + "/harmless", directory + "/twice") == 0)
            for text in [
                "evidence0", "evidence1", evidence + "/evidence0", evidence + "/./evidence1", directory + "/harmless",
                directory + "/twice", directory + "/hard", disk, directory + "/Evidence-copy",
            ] {
                #expect(refusal(bench, text)?.code == .refused, "\(text)")
            }
            #expect(refusal(bench, disk)?.message.contains("the disk of evidence1") == true)
            #expect(refusal(bench, "evidence0")?.message.contains("evidence by its name") == true)
        }
    }

    @Test func otherFilesAndStorageAreNot() async throws {
        try await PortsBench.with { bench in
            Workbench.write([1], to: bench.evidence + "/storage0")
            Workbench.write([1], to: bench.bench.directory + "/plain")
            // A name that leads nowhere is no disk, and one that ends in the word is none either.
            #expect(symlink("/nowhere/at/all", bench.evidence + "/evidence9") == 0)
            Workbench.write([1], to: bench.bench.directory + "/my-evidence")
            for text in ["storage0", bench.bench.directory + "/plain", bench.bench.directory + "/my-evidence"] {
                #expect(refusal(bench, text) == nil, "\(text)")
            }
        }
    }

    @Test func whereEvidenceCannotBeLookedAtNothingIsWritable() async throws {
        try await PortsBench.with { bench in
            // A loop of links can't be followed: nobody knows which disk it is.
            #expect(symlink(bench.evidence + "/evidence8", bench.evidence + "/evidence8") == 0)
            Workbench.write([1], to: bench.evidence + "/storage0")
            let refusal = refusal(bench, "storage0")
            #expect(refusal?.code == .refused && refusal?.message.hasPrefix("evidence8 can't be looked at") == true)
        }
    }

    // MARK: - Identity

    private func identity(_ path: String) -> SourceIdentity? { SourceIdentity(path: path) }

    @Test func aFileIsKnownByItsNumbersAndNotByItsName() async throws {
        try await PortsBench.with { bench in
            let directory = bench.bench.directory
            let (one, other) = (directory + "/one", directory + "/other")
            for path in [one, other] { Workbench.write([1], to: path) }
            #expect(link(one, directory + "/hard") == 0 && symlink(one, directory + "/soft") == 0)
            let own = try #require(identity(one))
            #expect(identity(directory + "/hard") == own && identity(directory + "/soft") == own)
            #expect(identity(other) != own && !own.isBlockDevice)
            var info = stat()
            #expect(stat(one, &info) == 0)
            let major = (UInt64(info.st_dev) >> 8) & 0xfff
            #expect(own.text.hasPrefix("\(major):") && own.text.hasSuffix("/\(info.st_ino)"))
            for path in [directory, "/dev/null", "/nowhere", directory + "/nothing"] {
                #expect(identity(path) == nil, "\(path)")
            }
            #expect(own.withFoundations() == [own])
        }
    }

    @Test(arguments: [(7, 3, 0x703), (254, 0, 0xfe00), (8, 256, 0x10_0800), (4096, 1, 0x1000_0000_0001)])
    func deviceNumbersAreTakenApartAsTheKernelDoes(major: UInt64, minor: UInt64, number: UInt64) {
        #expect(Sysfs.device(major, minor) == number)
        #expect(Sysfs.numbers(number) == "\(major):\(minor)")
    }

    @Suite(.enabled(if: Project.hasLab, "needs root for loop devices"))
    struct OnLoopDevices {
        @Test func aLoopDeviceAndItsFileAreOneDisk() async throws {
            try await PortsBench.with { bench in
                let image = bench.bench.directory + "/disk.img"
                Workbench.write([UInt8](repeating: 1, count: 1 << 20), to: image)
                let attached = try await bench.bench.tool("losetup")("--find", "--show", "--read-only", image)
                let loop = String(attached.output.prefix { $0 != "\n" })
                try #require(loop.hasPrefix("/dev/loop"), "\(attached.errors)")
                let node = bench.bench.directory + "/node"
                var info = stat()
                #expect(stat(loop, &info) == 0 && mknod(node, S_IFBLK | 0o600, info.st_rdev) == 0)
                let device = try #require(SourceIdentity(path: loop))
                let file = try #require(SourceIdentity(path: image))
                #expect(
                    device.isBlockDevice && device == SourceIdentity(path: node)
                        && device.text == "7:\(loop.dropFirst(9))")
                #expect(device.withFoundations() == [device, file])
                let source = try OpenSource(loop, in: bench.evidence).source
                #expect(source.isBlockDevice && source.readOnly && source.sizeBytes == 1 << 20)
                #expect(symlink(loop, bench.evidence + "/evidence1") == 0)
                for text in [node, loop, image] {
                    #expect(EvidenceGuardTests().refusal(bench, text)?.code == .refused, "\(text)")
                }
                #expect(try await bench.bench.tool("losetup")("--detach", loop).status == 0)
            }
        }
    }
}
