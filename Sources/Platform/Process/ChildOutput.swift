import Glibc

extension ChildProcess {
    /// What a program printed, and how it ended.
    public struct Output: Sendable {
        /// What it wrote to its standard output, up to the limit.
        public var bytes: [UInt8] = []
        /// What it wrote to its standard error, up to the limit.
        public var errors: [UInt8] = []
        /// `nil` where it did not end in time, or printed more than it may; it is killed then.
        public var status: Status?
        /// Whether it printed more than it may.
        public var isTooLong = false

        /// Whether it did all it should: ended in time, with code 0.
        public var isSuccess: Bool { status == .exited(0) }
    }

    /// Runs it to its end and keeps what it prints, in a session of its own.
    ///
    /// - Parameters:
    ///   - deadline: when it and all it has started are killed, and no longer waited for.
    ///   - limit: how many bytes it may print; one that prints more is killed.
    ///   - input: what it reads on its standard input; nothing by default.
    ///   - errorLimit: how many bytes of its standard error are kept, the rest is read and dropped; with 0, the default,
    ///     that is `/dev/null`.
    ///   - stop: a descriptor that ends the wait, as the deadline does, once it is readable; none by default.
    /// - Throws: `SystemError`: `cannotStart`, or `noDescriptor`.
    ///
    /// Blocks the calling thread.
    public func output(
        within deadline: Duration, limit: Int, input: [UInt8] = [], errorLimit: Int = 0, stop: CInt = -1
    ) throws(SystemError) -> Output {
        let end = ContinuousClock.now + deadline
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { throw SystemError(.noDescriptor, "/dev/null", code: errno) }
        var opened = [null]
        defer { for descriptor in opened { close(descriptor) } }
        func pipe(_ nonblocking: PipeEnds.Ends) throws(SystemError) -> PipeEnds {
            let ends = try PipeEnds(nonblocking: nonblocking)
            opened += [ends.read, ends.write]
            return ends
        }
        let output = try pipe(.read)
        let errors = errorLimit > 0 ? try pipe(.read) : nil
        let feed = input.isEmpty ? nil : try pipe(.write)
        var command = self
        command.newSession = true
        command.descriptors += [
            Descriptor(feed?.read ?? null, as: STDIN_FILENO), Descriptor(output.write, as: STDOUT_FILENO),
            Descriptor(errors?.write ?? null, as: STDERR_FILENO),
        ]
        let pid = try command.start()
        // Only the child holds these ends from now on, so that its death shows.
        let theirs = [output.write, errors?.write, feed?.read].compactMap { $0 }
        for descriptor in theirs { close(descriptor) }
        opened.removeAll { theirs.contains($0) }

        var exchange = Exchange(
            output: output.read, errors: errors?.read ?? -1, feed: feed?.write ?? -1, stop: stop, input: input[...],
            limit: limit, errorLimit: errorLimit)
        exchange.run(until: end)
        if exchange.feed >= 0, let feed {
            close(feed.write)
            opened.removeAll { $0 == feed.write }
        } else if let feed {
            opened.removeAll { $0 == feed.write }
        }
        if exchange.isOver { exchange.result.status = Self.status(of: pid, within: end - .now) }
        if exchange.result.status == nil {
            // All it has started, too. Who has gone already is reaped below.
            kill(-pid, SIGKILL)
            _ = Self.hasLeft(pid, within: .milliseconds(100))
        }
        return exchange.result
    }
}

/// The bytes to and from a child, on descriptors that never block.
private struct Exchange {
    var output: CInt
    var errors: CInt
    var feed: CInt
    let stop: CInt
    var input: ArraySlice<UInt8>
    let limit: Int
    let errorLimit: Int
    var result = ChildProcess.Output()
    /// Nothing more will come.
    var isOver = false

    mutating func run(until end: ContinuousClock.Instant) {
        while true {
            if output < 0, errors < 0 {
                isOver = true
                break
            }
            let left = end - .now
            guard left > .zero else { break }
            // Who is closed already has a number below 0, which poll passes over.
            var ready = [
                pollfd(fd: output, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
                pollfd(fd: feed, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&ready, nfds_t(ready.count), left.pollTimeout) > 0 else { continue }
            if ready[3].revents != 0 { break }
            if ready[2].revents != 0 { write() }
            if ready[0].revents != 0 {
                if let bytes = read(output) { result.bytes += bytes } else { output = -1 }
            }
            if ready[1].revents != 0 {
                if let bytes = read(errors) {
                    result.errors += bytes.prefix(max(errorLimit - result.errors.count, 0))
                } else {
                    errors = -1
                }
            }
            if result.bytes.count > limit {
                result.bytes = Array(result.bytes.prefix(limit))
                result.isTooLong = true
                break
            }
        }
    }

    /// - Returns: what is there, perhaps nothing; `nil` at the end.
    private func read(_ descriptor: CInt) -> [UInt8]? {
        var piece = [UInt8](repeating: 0, count: 65536)
        let count = Glibc.read(descriptor, &piece, piece.count)
        if count < 0 { return errno == EINTR || errno == EAGAIN ? [] : nil }
        return count == 0 ? nil : Array(piece[..<count])
    }

    private mutating func write() {
        let count = BrokenPipe.asError { [feed, input] in
            input.withUnsafeBytes { Glibc.write(feed, $0.baseAddress, $0.count) }
        }
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        // A program that does not read to the end needs no more; what it says tells whether that was well.
        input = count < 0 ? [] : input.dropFirst(count)
        if input.isEmpty {
            close(feed)
            feed = -1
        }
    }
}
