import Glibc

/// Moves bytes between a forwarded connection and a socket, and the end of file of each direction by itself.
///
/// It stays in its ``Session``.
final class ForwardPump {
    private let channel: ChannelState
    private let socket: CInt
    private var input: InputPump
    private var output: OutputPump
    /// The socket has got the peer's end of file, or takes nothing any more.
    private var outputHasEnded = false

    init(_ channel: ChannelState, socket: CInt) {
        self.channel = channel
        self.socket = socket
        input = InputPump(socket, channel)
        output = OutputPump(socket, isErrorOutput: false, channel)
    }

    /// Returns when both directions have ended, or the peer has closed the channel and all it said is written.
    ///
    /// - Throws: `SSHError`: `local` where the socket fails; `linkLost`; `CancellationError`.
    nonisolated(nonsending) func run() async throws {
        defer {
            input.interest?.stop()
            output.interest.stop()
        }
        while !channel.isFree {
            let mark = channel.events.news
            if try advance() { return }
            try await channel.loop.wait(for: channel.events, after: mark)
        }
        throw channel.over("forwarding")
    }

    /// Moves what there is to move.
    ///
    /// - Returns: whether all is done.
    private func advance() throws(SSHError) -> Bool {
        // No forwarded connection has a second stream; what a peer sends on it nevertheless must not pile up.
        _ = channel.takeAll(errorOutput: true)
        try output.advance(channel)
        if !outputHasEnded, output.readerIsGone || channel.hasEnded && channel.pendingOutput == 0 && output.isEmpty {
            outputHasEnded = true
            // Fails only where the socket's other end is gone, which reading tells.
            _ = shutdown(socket, CInt(SHUT_WR))
        }
        if channel.isClosed { return channel.pendingOutput == 0 && output.isEmpty }
        try input.advance(channel)
        return outputHasEnded && input.pending.endWasSent
    }
}
