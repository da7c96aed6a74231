import CLibSSH
import Glibc

/// A terminal to give to a remote command.
public struct PseudoTerminal: Hashable, Sendable {
    /// Its type, for the command's `TERM`.
    public var type: String
    /// Its width in characters.
    public var columns: Int
    /// Its height in characters.
    public var rows: Int

    /// - Parameters:
    ///   - type: for the command's `TERM`, for example `xterm-256color`.
    ///   - columns: width in characters.
    ///   - rows: height in characters.
    public init(type: String, columns: Int, rows: Int) {
        self.type = type
        self.columns = columns
        self.rows = rows
    }
}

/// A channel of a session: a remote command that has been started. Close it, or end the session: it is not closed by
/// being forgotten.
public struct Channel: Sendable {
    /// The connection it runs over.
    public let session: Session
    let identifier: Int

    /// Connects the command to descriptors until it has ended and the last byte is written, and closes the channel.
    ///
    /// - Parameters:
    ///   - stdin: read to its end, which the command then sees; `nil` is an empty input. Stays the caller's.
    ///   - stdout: written to; stays the caller's.
    ///   - stderr: written to; stays the caller's. With a pseudo-terminal there is nothing for it.
    /// - Returns: how the command ended.
    /// - Throws: `SSHError`; `CancellationError`.
    public func attach(stdin: CInt?, stdout: CInt, stderr: CInt) async throws -> ExitStatus {
        try await session.attach(identifier, stdin: stdin, stdout: stdout, stderr: stderr)
    }

    /// Sends a signal to the command: `ssh_channel_request_send_signal`. The server does not say whether it obeyed.
    ///
    /// - Throws: `SSHError`.
    public func send(_ signal: RemoteSignal) async throws {
        try await session.send(signal, to: identifier)
    }

    /// Tells the command's terminal its new size: `ssh_channel_change_pty_size`.
    ///
    /// - Throws: `SSHError`.
    public func resize(columns: Int, rows: Int) async throws {
        try await session.resize(identifier, columns: columns, rows: rows)
    }

    /// Closes the channel; a command that still runs loses its input and output. Harmless when closed already.
    public func close() async {
        await session.closeChannel(identifier)
    }
}

extension Session {
    /// Starts a command, or the account's login shell.
    ///
    /// - Parameters:
    ///   - command: a line for the account's shell; `nil` starts the login shell.
    ///   - terminal: a pseudo-terminal for it.
    ///   - deadline: how long the server may take for each of the two or three answers.
    /// - Throws: `SSHError`, `denied` where the server refuses; `CancellationError`.
    ///
    /// The C functions are `ssh_channel_open_session`, `ssh_channel_request_pty_size` and `ssh_channel_request_exec`.
    public func start(
        _ command: String?, terminal: PseudoTerminal? = nil, deadline: Duration = .seconds(10)
    ) async throws -> Channel {
        let operation = "starting a command"
        return try await open(operation) { channel in
            try await channel.complete(operation, within: deadline) { ssh_channel_open_session($0) }
            if let terminal {
                let (columns, rows) = (CInt(terminal.columns), CInt(terminal.rows))
                try await channel.complete(operation, within: deadline) {
                    ssh_channel_request_pty_size($0, terminal.type, columns, rows)
                }
            }
            try await channel.complete(operation, within: deadline) { handle in
                command.map { ssh_channel_request_exec(handle, $0) } ?? ssh_channel_request_shell(handle)
            }
        }
    }

    /// Starts a command, connects it to descriptors, and waits for its end.
    ///
    /// - Parameters:
    ///   - command: a line for the account's shell; `nil` starts the login shell.
    ///   - stdin: read to its end; `nil` is an empty input.
    ///   - stdout: written to.
    ///   - stderr: written to.
    ///   - terminal: a pseudo-terminal for it.
    /// - Returns: how the command ended.
    /// - Throws: `SSHError`; `CancellationError`.
    public func exec(
        _ command: String?, stdin: CInt?, stdout: CInt, stderr: CInt, terminal: PseudoTerminal? = nil
    ) async throws -> ExitStatus {
        try await start(command, terminal: terminal).attach(stdin: stdin, stdout: stdout, stderr: stderr)
    }

    /// Makes a channel and lets a body open it; closes it where that fails.
    private func open(
        _ operation: String, _ body: nonisolated(nonsending) (ChannelState) async throws -> Void
    ) async throws -> Channel {
        guard let channel = ChannelState(of: try connection.live(operation), loop) else {
            throw SSHError(.denied, operation, "the session is not authenticated")
        }
        let identifier = keep(channel)
        do {
            try await body(channel)
        } catch {
            closeChannel(identifier)
            throw error
        }
        return Channel(session: self, identifier: identifier)
    }

    /// Holds a channel until it is closed.
    func keep(_ channel: ChannelState) -> Int {
        lastIdentifier += 1
        channels[lastIdentifier] = channel
        return lastIdentifier
    }

    func attach(_ identifier: Int, stdin: CInt?, stdout: CInt, stderr: CInt) async throws -> ExitStatus {
        defer { closeChannel(identifier) }
        guard let channel = channels[identifier] else {
            throw connection.over("command") ?? SSHError(.closed, "command", "the channel was closed on this side")
        }
        return try await DescriptorPump(channel, stdin: stdin, stdout: stdout, stderr: stderr).run()
    }

    func send(_ signal: RemoteSignal, to identifier: Int) throws {
        try channels[identifier]?.send(signal)
    }

    func resize(_ identifier: Int, columns: Int, rows: Int) throws {
        try channels[identifier]?.resize(columns: columns, rows: rows)
    }

    func closeChannel(_ identifier: Int) {
        channels.removeValue(forKey: identifier)?.free()
    }
}
