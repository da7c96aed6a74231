import Glibc
import Platform
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(1))) struct UnixSocketTests {
    private static let isRoot = geteuid() == 0

    /// A directory whose path is longer than a socket's address can be.
    private func withDeepDirectory(_ body: (PrivateDirectory) throws -> Void) throws {
        try Scratch.with { path in
            try body(try PrivateDirectory(path + "/" + String(repeating: "d", count: 120)))
        }
    }

    @Test func aConnectionIsMadeThroughALongPathAndBothKnowTheirPeer() throws {
        try withDeepDirectory { directory in
            let listener = try UnixSocket.listen(at: "s", in: directory)
            let (caller, listening) = try UnixSocket.connect(to: "s", in: directory, within: .seconds(5))
            let accepted = try #require(try UnixSocket.accept(listener))
            defer { for descriptor in [listener, caller, accepted] { close(descriptor) } }
            #expect(listening.process == getpid() && listening.user == geteuid())
            #expect(UnixSocket.peer(of: accepted)?.process == getpid())
            for descriptor in [listener, caller, accepted] { #expect(fcntl(descriptor, F_GETFD) == FD_CLOEXEC) }
            var info = stat()
            #expect(stat(directory.path + "/s", &info) == 0 && info.st_mode & 0o777 == 0o600)
        }
    }

    @Test func nobodyIsMissingAndAFullQueueIsNoAnswer() throws {
        try withDeepDirectory { directory in
            #expect(
                kind { () throws(SystemError) in try UnixSocket.connect(to: "s", in: directory, within: .seconds(1)) }
                    == .missing)
            let listener = try UnixSocket.listen(at: "s", in: directory, backlog: 0)
            var callers: [CInt] = []
            defer { for descriptor in callers + [listener] { close(descriptor) } }
            let start = ContinuousClock.now
            var failure: SystemError.Kind?
            for _ in 0..<4 where failure == nil {
                do throws(SystemError) {
                    callers.append(try UnixSocket.connect(to: "s", in: directory, within: .milliseconds(200)).socket)
                } catch {
                    failure = error.kind
                }
            }
            #expect(failure == .noAnswer && ContinuousClock.now - start < .seconds(5))
        }
        try withDeepDirectory { directory in
            close(try UnixSocket.listen(at: "s", in: directory))
            // What a process that was killed has left.
            #expect(
                kind { () throws(SystemError) in try UnixSocket.connect(to: "s", in: directory, within: .seconds(1)) }
                    == .missing)
        }
    }

    private func kind<Value>(_ body: () throws(SystemError) -> Value) -> SystemError.Kind? {
        do throws(SystemError) {
            _ = try body()
            return nil
        } catch {
            return error.kind
        }
    }

    @Test(.enabled(if: isRoot, "needs root to be another user"))
    func anotherUserIsHungUpOnAndNotBelieved() throws {
        guard let python = ChildProcess.find("python3", path: "/usr/local/bin:/usr/bin:/bin") else { return }
        try Scratch.with { path in
            let directory = try PrivateDirectory(path + "/run")
            let listener = try UnixSocket.listen(at: "s", in: directory, isNonblocking: true)
            defer { close(listener) }
            // Somebody has opened the doors, which else keep him out.
            for door in [path, path + "/run"] { chmod(door, 0o755) }
            chmod(path + "/run/s", 0o666)
            let call = """
                import os, socket
                os.setuid(65534)
                s = socket.socket(socket.AF_UNIX)
                s.connect("\(path)/run/s")
                s.settimeout(10)
                print("end" if s.recv(1) == b"" else "talk")
                """
            let output = try PipeEnds()
            let caller = ChildProcess(
                python, ["python3", "-c", call],
                descriptors: [.init(output.write, as: 1), .init(output.write, as: 2)])
            let pid = try caller.start()
            close(output.write)
            defer {
                close(output.read)
                ChildProcess.end(pid)
            }
            var ready = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            #expect(poll(&ready, 1, 10_000) == 1)
            #expect(try UnixSocket.accept(listener) == nil)
            #expect(String(decoding: try File.read("/proc/self/fd/\(output.read)") ?? [], as: UTF8.self) == "end\n")
        }
        try Scratch.with { path in
            let directory = try PrivateDirectory(path)
            let serve = """
                import os, socket
                s = socket.socket(socket.AF_UNIX)
                s.bind("\(path)/s")
                os.setuid(65534)
                s.listen(1)
                os.write(5, b"r")
                s.accept()[0].recv(1)
                """
            let ends = try PipeEnds()
            defer { ends.close() }
            let server = ChildProcess(python, ["python3", "-c", serve], descriptors: [.init(ends.write, as: 5)])
            let pid = try server.start()
            defer { ChildProcess.end(pid) }
            var byte: UInt8 = 0
            #expect(read(ends.read, &byte, 1) == 1)
            #expect(
                kind { () throws(SystemError) in try UnixSocket.connect(to: "s", in: directory, within: .seconds(5)) }
                    == .untrusted)
        }
    }

    @Test func aLimitOfNothingIsNotForEver() throws {
        var ends: [CInt] = [-1, -1]
        #expect(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        for limit in [Duration.zero, .seconds(-5), .milliseconds(30)] {
            UnixSocket.limit(ends[0], to: limit)
            var byte: UInt8 = 0
            #expect(read(ends[0], &byte, 1) < 0 && errno == EAGAIN)
        }
    }

    // MARK: Descriptors

    private func withPair(_ body: (CInt, CInt) throws -> Void) throws {
        var ends: [CInt] = [-1, -1]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        try body(ends[0], ends[1])
    }

    @Test func descriptorsArriveWithTheirBytes() throws {
        try withPair { near, far in
            let pipe = try PipeEnds()
            defer { pipe.close() }
            #expect(try DescriptorMessage.send([1, 2], [pipe.write, pipe.read], over: near) == 2)
            let message = try DescriptorMessage.receive(from: far, limit: 100, most: 2)
            #expect(message.bytes == [1, 2] && message.descriptors.count == 2)
            for descriptor in message.descriptors { #expect(fcntl(descriptor, F_GETFD) == FD_CLOEXEC) }
            #expect(write(try #require(message.descriptors.first), "x", 1) == 1)
            var byte: UInt8 = 0
            #expect(read(pipe.read, &byte, 1) == 1 && byte == UInt8(ascii: "x"))
            for descriptor in message.descriptors { close(descriptor) }
            shutdown(near, CInt(SHUT_WR))
            let end = try DescriptorMessage.receive(from: far, limit: 100, most: 2)
            #expect(end.bytes.isEmpty && end.descriptors.isEmpty)
        }
    }

    @Test(arguments: [1, 5, 253])
    func moreThanWereAskedForAreAllClosed(count: Int) throws {
        try withPair { near, far in
            let pipe = try PipeEnds(nonblocking: .read)
            defer { close(pipe.read) }
            let sent = [CInt](repeating: pipe.write, count: count)
            #expect(try DescriptorMessage.send([1], sent, over: near) == 1)
            close(pipe.write)
            let error = #expect(throws: SystemError.self) {
                try DescriptorMessage.receive(from: far, limit: 100, most: count - 1)
            }
            #expect(error?.kind == .badData)
            // Every copy is closed: the pipe is at its end.
            var byte: UInt8 = 0
            #expect(read(pipe.read, &byte, 1) == 0)
        }
    }

    @Test func descriptorsThatFindNoNumberAreNotMissedInSilence() async {
        await #expect(processExitsWith: .exitCode(7)) {
            var ends: [CInt] = [-1, -1]
            guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0 else { exit(1) }
            _ = try DescriptorMessage.send([1], [0, 1, 2], over: ends[0])
            let next = dup(0)
            close(next)
            // Room for one more only: the kernel cuts the rest off.
            var limit = rlimit(rlim_cur: rlim_t(next) + 1, rlim_max: rlim_t(next) + 1)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            do throws(SystemError) {
                _ = try DescriptorMessage.receive(from: ends[1], limit: 10, most: 3)
                exit(2)
            } catch {
                // The one that came is closed again.
                exit(error.kind == .badData && fcntl(next, F_GETFD) < 0 ? 7 : 3)
            }
        }
    }

    @Test func tooManyOrWithoutAByteIsRefused() throws {
        try withPair { near, _ in
            let many = [CInt](repeating: near, count: DescriptorMessage.mostDescriptors + 1)
            #expect(throws: SystemError.self) { try DescriptorMessage.send([1], many, over: near) }
            #expect(throws: SystemError.self) { try DescriptorMessage.send([], [near], over: near) }
        }
    }

    @Test func theKernelTellsOfAConnection() throws {
        let host = try #require(IPAddress("127.83.2.1"))
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(listener) }
        try #require(host.withSocketAddress(port: 0) { bind(listener, $0, $1) } == 0 && listen(listener, 1) == 0)
        var name = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &size) }
        }
        let caller = try Dial.tcp(
            host: "\(host)", port: UInt16(bigEndian: name.sin_port), deadline: .seconds(5),
            policy: DialPolicy("127.0.0.0/8", name: "the test"))
        let accepted = accept(listener, nil, nil)
        defer {
            close(caller)
            close(accepted)
        }
        let bytes = [UInt8](repeating: 1, count: 1000)
        #expect(send(caller, bytes, bytes.count, 0) == 1000)
        #expect(Scratch.soon { TCPState(caller)?.unacknowledgedBytes == 0 })
        let sender = try #require(TCPState(caller))
        let receiver = try #require(TCPState(accepted))
        #expect(sender.bytesAcknowledged >= 1000 && receiver.bytesReceived == 1000)
        #expect(!sender.isUnanswered && sender.sinceLastSent < .seconds(5))
        #expect(TCPState.noticeDeadPeers(on: caller))
        #expect(TCPState(STDIN_FILENO) == nil)
        let unchecked = #expect(throws: SystemError.self) {
            try Dial.tcp(host: "127.0.0.1", port: 1, deadline: .seconds(1), policy: DialPolicy("::1", name: "the test"))
        }
        #expect(unchecked?.kind == .notPermitted)
    }
}
