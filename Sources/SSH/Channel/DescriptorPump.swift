import CLibSSH
import Glibc

/// A channel's output on its way to a descriptor.
struct OutputPump {
    let descriptor: NonblockingDescriptor
    let interest: DescriptorInterest
    let isErrorOutput: Bool
    var bytes: [UInt8] = []
    var written = 0
    /// What comes is thrown away.
    var readerIsGone = false

    var isEmpty: Bool { written == bytes.count }

    init(_ number: CInt, isErrorOutput: Bool, _ channel: ChannelState) {
        descriptor = NonblockingDescriptor(number, for: .writing)
        interest = DescriptorInterest(
            descriptor, for: .writing, in: channel.loop.descriptors, telling: channel.events)
        self.isErrorOutput = isErrorOutput
    }

    /// Takes output and writes it, as far as it goes without waiting.
    ///
    /// - Throws: `SSHError` (`local`) where the descriptor fails otherwise than for want of a reader.
    mutating func advance(_ channel: ChannelState) throws(SSHError) {
        while true {
            if isEmpty || readerIsGone {
                guard let more = channel.takeAll(errorOutput: isErrorOutput) else {
                    bytes = []
                    written = 0
                    return
                }
                bytes = more
                written = readerIsGone ? more.count : 0
                continue
            }
            switch bytes.withUnsafeBytes({ descriptor.write(.init(rebasing: $0[written...])) }) {
            case .moved(let count): written += count
            case .again: return try interest.arm()
            case .failed(EPIPE), .failed(ECONNRESET): readerIsGone = true
            case .failed(let code): throw .local(isErrorOutput ? "writing stderr" : "writing stdout", errno: code)
            }
        }
    }
}

/// A channel's input on its way from a descriptor.
struct InputPump {
    /// As much as fits into a few packets; more would only lie in libssh's own buffer.
    static let chunk = 128 << 10

    let descriptor: NonblockingDescriptor?
    let interest: DescriptorInterest?
    /// There is nothing more to read.
    var hasEnded: Bool
    var pending = PendingInput()

    init(_ number: CInt?, _ channel: ChannelState) {
        descriptor = number.map { NonblockingDescriptor($0, for: .reading) }
        interest = descriptor.map {
            DescriptorInterest($0, for: .reading, in: channel.loop.descriptors, telling: channel.events)
        }
        hasEnded = number == nil
    }

    /// Reads input and sends it, a chunk at a time and only when libssh has sent all before it.
    mutating func advance(_ channel: ChannelState) throws(SSHError) {
        if pending.isEmpty, !hasEnded, let descriptor, let room = try channel.room() {
            guard descriptor.isReadable else {
                try interest?.arm()
                return
            }
            var result = NonblockingDescriptor.Result.again
            let bytes = [UInt8](unsafeUninitializedCapacity: min(room, Self.chunk)) { buffer, used in
                result = descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
                if case .moved(let count) = result { used = count }
            }
            switch result {
            case .moved(0): hasEnded = true
            case .moved: pending = PendingInput(bytes)
            case .again: return try interest?.arm() ?? ()
            // A terminal that is gone has no more to say.
            case .failed(EIO) where descriptor.isTerminal: hasEnded = true
            // The command must not take the part that was read for the whole.
            case .failed(let code): throw .local("reading stdin", errno: code)
            }
        }
        try channel.push(&pending, isLast: hasEnded)
    }
}

/// Moves bytes between a command and descriptors until the command has ended and the last byte is written.
///
/// No stream waits for another, and memory is bounded: output is taken from libssh only when all before it has been
/// written, input is read only when the server has room for it. It stays in its ``Session``.
final class DescriptorPump {
    /// How long a command may go on after its output has lost its reader.
    private static let endurance = Duration.seconds(1)

    private let channel: ChannelState
    private var input: InputPump
    private var outputs: [OutputPump]
    /// When a command whose output nobody reads counts as ended.
    private var end: ContinuousClock.Instant?

    init(_ channel: ChannelState, stdin: CInt?, stdout: CInt, stderr: CInt) {
        self.channel = channel
        input = InputPump(stdin, channel)
        outputs = [
            OutputPump(stdout, isErrorOutput: false, channel), OutputPump(stderr, isErrorOutput: true, channel),
        ]
    }

    /// - Throws: `SSHError`: `local` where a descriptor fails, so that a full disk is no success; `linkLost`.
    ///   A closed stdout is no failure but the end: the command counts as ended by SIGPIPE, as it would be here.
    nonisolated(nonsending) func run() async throws -> ExitStatus {
        defer { stop() }
        while !channel.isFree {
            let mark = channel.events.news
            if let status = try advance() { return status }
            try await channel.loop.wait(for: channel.events, after: mark, until: end)
        }
        throw channel.over("command")
    }

    /// Moves what there is to move.
    ///
    /// - Returns: the status where the command has ended.
    private func advance() throws(SSHError) -> ExitStatus? {
        for index in outputs.indices {
            let hadReader = !outputs[index].readerIsGone
            try outputs[index].advance(channel)
            if hadReader, outputs[index].readerIsGone, index == 0 {
                // OpenSSH's own client says "eow@openssh.com", for which libssh has no function.
                try channel.send(.terminate)
                end = .now + Self.endurance
            }
        }
        let isOver = channel.isClosed && channel.backlog == 0 && outputs.allSatisfy(\.isEmpty)
        if isOver || end.map({ $0 <= .now }) == true {
            return outputs[0].readerIsGone && channel.status.code >= 128 ? .signalled("PIPE") : channel.status
        }
        if !channel.isClosed { try input.advance(channel) }
        return nil
    }

    /// Looks at no descriptor any more.
    private func stop() {
        input.interest?.stop()
        for output in outputs { output.interest.stop() }
    }
}
