import CLibSSH

/// Bytes on their way into a channel, and the end of file after them.
struct PendingInput {
    private let bytes: [UInt8]
    fileprivate var sent = 0
    fileprivate(set) var endWasSent = false

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    var isEmpty: Bool { sent == bytes.count }

    fileprivate func withRest<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
    }
}

extension ChannelState {
    private static let operation = "writing to the channel"

    /// How many bytes may go to the peer now; `nil` where none, and then ``events`` has news when there may be room.
    ///
    /// libssh would take a whole window and keep what the connection doesn't take; so it gets more only when all has gone.
    func room() throws(SSHError) -> Int? {
        // Failures come out here, where they are told.
        _ = try loop.connection.live(Self.operation)
        let size = window
        guard size > 0, !loop.connection.isSending else {
            loop.waitForRoom(self)
            return nil
        }
        return size
    }

    /// Sends what there is room for, and after the last byte the end of file.
    ///
    /// The C functions are `ssh_channel_write` and `ssh_channel_send_eof`.
    func push(_ input: inout PendingInput, isLast: Bool) throws(SSHError) {
        guard !isFree, !isClosed else { return }
        let handle = try loop.connection.live(Self.operation)
        let received = loop.connection.received
        if !input.isEmpty, let room = try room() {
            let count = input.withRest {
                ssh_channel_write(self.handle, $0.baseAddress, UInt32(min($0.count, room)))
            }
            guard count >= 0 else {
                // Writing handles packets too, and may be the call that learns of the command's end.
                if isClosed { return }
                throw loop.error(Self.operation, handle, receivedBefore: received)
            }
            input.sent += Int(count)
            if input.isEmpty || count > 0 {
                // There may be room for more; others have their turn before.
                events.note()
            } else {
                // Keys are being exchanged.
                loop.waitForRoom(self, afterTraffic: true)
            }
        }
        if isLast, input.isEmpty, !input.endWasSent {
            input.endWasSent = true
            hasSentEnd = true
            // "Again" only says that it has not left this machine yet.
            if ssh_channel_send_eof(self.handle) == SSH_ERROR, !isClosed {
                throw loop.error("end of input", handle, receivedBefore: received)
            }
        }
    }
}
