import Glibc
import Platform
import SystemPackage
import Testing

@Suite struct DescriptorSetTests {
    @Test func readinessIsToldOnceEachTimeItIsAskedFor() throws {
        let (set, pipe) = (try DescriptorSet(), try PipeEnds())
        defer {
            close(pipe.read)
            close(pipe.write)
        }
        #expect(try set.watch(pipe.read, for: .reading, mark: 7, isNew: true))
        #expect(set.takeReady().isEmpty && !isReadable(set.descriptor))
        #expect(write(pipe.write, "x", 1) == 1)
        #expect(isReadable(set.descriptor))
        #expect(set.takeReady() == [7])
        #expect(set.takeReady().isEmpty && !isReadable(set.descriptor))
        #expect(try set.watch(pipe.read, for: .reading, mark: 8, isNew: false))
        #expect(set.takeReady() == [8])
        set.forget(pipe.read)
        #expect(throws: SystemError.self) { try set.watch(pipe.read, for: .reading, mark: 9, isNew: false) }
    }

    @Test func anEndWhoseOtherEndIsGoneIsReady() throws {
        let (set, pipe) = (try DescriptorSet(), try PipeEnds())
        defer { close(pipe.write) }
        #expect(try set.watch(pipe.write, for: .writing, mark: 1, isNew: true))
        #expect(set.takeReady() == [1])
        close(pipe.read)
        #expect(try set.watch(pipe.write, for: .writing, mark: 2, isNew: false))
        #expect(set.takeReady() == [2])
    }

    @Test func aFileIsAlwaysReadyAndNoDescriptorIsAnError() throws {
        let (set, file) = (try DescriptorSet(), open("/proc/self/exe", O_RDONLY | O_CLOEXEC))
        defer { close(file) }
        #expect(try set.watch(file, for: .reading, mark: 1, isNew: true) == false)
        let error = #expect(throws: SystemError.self) { try set.watch(-1, for: .reading, mark: 1, isNew: true) }
        #expect(error?.errno == .badFileDescriptor)
    }

    @Test func moreThanFitAreToldTheNextTime() throws {
        let set = try DescriptorSet()
        let pipes = try (0..<100).map { _ in try PipeEnds() }
        defer {
            for pipe in pipes {
                close(pipe.read)
                close(pipe.write)
            }
        }
        for (index, pipe) in pipes.enumerated() {
            #expect(try set.watch(pipe.write, for: .writing, mark: UInt64(index), isNew: true))
        }
        var marks = Set(set.takeReady())
        #expect(marks.count < 100)
        marks.formUnion(set.takeReady())
        #expect(marks.count == 100)
    }

    private func isReadable(_ descriptor: CInt) -> Bool {
        var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&ready, 1, 0) == 1
    }
}
