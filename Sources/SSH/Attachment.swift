import CLibSSH
import Glibc

/// One output of a command on its way to a descriptor.
private struct Outlet {
    let stream: Stream
    let isErrorOutput: Bool
    var bytes: [UInt8] = []
    var written = 0
    /// Nobody reads it any more: what comes is thrown away.
    var isDeaf = false

    var isEmpty: Bool { written == bytes.count }

    init(_ descriptor: CInt, isErrorOutput: Bool) {
        stream = Stream(descriptor, for: .writing)
        self.isErrorOutput = isErrorOutput
    }
}

/// A command's input on its way from a descriptor.
private struct Inlet {
    /// As much as fits into a few packets; more would only lie in libssh's own buffer.
    static let chunk = 128 << 10

    /// `nil` when there is nothing more to read.
    var stream: Stream?
    var pending = PendingInput()
}

extension Session {
    /// How long a command may go on after its output has lost its reader.
    private static var deafness: Duration { .seconds(1) }

    /// Moves bytes between a command and descriptors until the command has ended and the last byte is written.
    ///
    /// No stream waits for another, and memory is bounded: output is taken from libssh only when all before it has been
    /// written, input is read only when the server has room for it. Closes the channel in any case.
    ///
    /// - Throws: `SSHError`: `local` where a descriptor fails, so that a full disk is no success; `linkLost`.
    ///   A closed stdout is no failure but the end: the command counts as ended by SIGPIPE, as it would be here.
    func attach(_ identifier: Int, stdin: CInt?, stdout: CInt, stderr: CInt) async throws -> ExitStatus {
        defer { closeChannel(identifier) }
        var inlet = Inlet(stream: stdin.map { Stream($0, for: .reading) })
        var outlets = [Outlet(stdout, isErrorOutput: false), Outlet(stderr, isErrorOutput: true)]
        var end: ContinuousClock.Instant?

        while let channel = channels[identifier] {
            let mark = progress
            var interests: [Interest] = []
            for index in outlets.indices {
                let hadReader = !outlets[index].isDeaf
                if let interest = try move(channel, &outlets[index]) { interests.append(interest) }
                if hadReader, outlets[index].isDeaf, index == 0 {
                    // OpenSSH's own client says "eow@openssh.com", for which libssh has no function.
                    try send(.terminate, to: identifier)
                    end = .now + Self.deafness
                }
            }
            let isOver = channel.isClosed && channel.backlog == 0 && outlets.allSatisfy(\.isEmpty)
            if isOver || end.map({ $0 <= .now }) == true {
                return outlets[0].isDeaf && channel.status.code >= 128 ? .signalled("PIPE") : channel.status
            }

            if !channel.isClosed, let interest = try move(&inlet, channel) { interests.append(interest) }
            try await wait(after: mark, for: interests, until: end)
        }
        throw over("command") ?? SSHError(.closed, "command", "the channel was closed on this side")
    }

    /// Takes output and writes it, as far as it goes without waiting.
    private func move(_ channel: Channel, _ outlet: inout Outlet) throws(SSHError) -> Interest? {
        while true {
            if outlet.isEmpty || outlet.isDeaf {
                guard let more = channel.takeAll(errorOutput: outlet.isErrorOutput) else {
                    outlet.bytes = []
                    outlet.written = 0
                    return nil
                }
                outlet.bytes = more
                outlet.written = outlet.isDeaf ? more.count : 0
                continue
            }
            let result = outlet.bytes.withUnsafeBytes { outlet.stream.write(.init(rebasing: $0[outlet.written...])) }
            switch result {
            case .moved(let count): outlet.written += count
            case .again: return .writable(outlet.stream.descriptor)
            case .failed(EPIPE): outlet.isDeaf = true
            case .failed(let code):
                throw .local(outlet.isErrorOutput ? "writing stderr" : "writing stdout", errno: code)
            }
        }
    }

    /// Reads input and sends it, a chunk at a time and only when libssh has sent all before it.
    private func move(_ inlet: inout Inlet, _ channel: Channel) throws(SSHError) -> Interest? {
        if inlet.pending.isEmpty, let stream = inlet.stream, let room = try room(channel) {
            var ready = pollfd(fd: stream.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, 0) > 0 else { return .readable(stream.descriptor) }
            var result = Stream.Result.again
            let bytes = [UInt8](unsafeUninitializedCapacity: min(room, Inlet.chunk)) { buffer, used in
                result = stream.read(into: UnsafeMutableRawBufferPointer(buffer))
                if case .moved(let count) = result { used = count }
            }
            switch result {
            case .moved(0): inlet.stream = nil
            case .moved: inlet.pending = PendingInput(bytes)
            case .again: return .readable(stream.descriptor)
            // A terminal that is gone has no more to say.
            case .failed(EIO) where stream.isTerminal: inlet.stream = nil
            // The command must not take the part that was read for the whole.
            case .failed(let code): throw .local("reading stdin", errno: code)
            }
        }
        try push(&inlet.pending, channel, isLast: inlet.stream == nil)
        return nil
    }
}
