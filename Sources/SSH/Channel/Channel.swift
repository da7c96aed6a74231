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

/// A channel of a session: a command or subsystem that has been started, or a forwarded connection.
///
/// Read it, ``attach(stdin:stdout:stderr:)`` or ``splice(_:)`` it, one at a time. Close it, or end the session: it is
/// not closed by being forgotten. Who doesn't read fills the channel's window, and keeps nobody else waiting.
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

    /// Joins a forwarded connection to a socket until both directions have ended, and closes the channel.
    ///
    /// Each end of file is passed on by itself: what the peer has ended is shut down for writing (`shutdown`).
    ///
    /// - Parameter socket: a connected stream socket; stays the caller's.
    /// - Throws: `SSHError`: `local` where the socket fails; `linkLost`; `CancellationError`.
    public func splice(_ socket: CInt) async throws {
        try await session.splice(identifier, socket)
    }

    /// Waits for output and takes all that has come: `ssh_channel_read`.
    ///
    /// - Parameter errorOutput: the error output instead of the output.
    /// - Returns: at least one byte; `nil` at the end of file.
    /// - Throws: `SSHError`; `CancellationError`.
    public func read(errorOutput: Bool = false) async throws -> [UInt8]? {
        try await session.read(identifier, errorOutput: errorOutput)
    }

    /// Sends bytes, as the peer has room for them: `ssh_channel_write`.
    ///
    /// - Parameter bytes: what to send; libssh has taken the last one when this returns.
    /// - Throws: `SSHError`, `closed` where the channel, or this direction of it, has ended; `CancellationError`.
    public func write(_ bytes: [UInt8]) async throws {
        try await session.write(bytes, to: identifier, isLast: false)
    }

    /// Sends the end of file; reading goes on: `ssh_channel_send_eof`. Harmless when it has been sent.
    ///
    /// - Throws: `SSHError`; `CancellationError`.
    public func finishWriting() async throws {
        try await session.write([], to: identifier, isLast: true)
    }

    /// Waits until the peer has closed the channel, and says how the command ended. Output is thrown away meanwhile.
    ///
    /// - Throws: `SSHError`; `CancellationError`.
    public func status() async throws -> ExitStatus {
        try await session.status(of: identifier)
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
    ///   - environment: variables to set; sshd takes those that its `AcceptEnv` names.
    ///   - deadline: how long the server may take for each of its answers.
    /// - Throws: `SSHError`, `denied` where the server refuses, a variable too; `CancellationError`.
    ///
    /// The C functions are `ssh_channel_open_session`, `ssh_channel_request_env`, `ssh_channel_request_pty_size` and
    /// `ssh_channel_request_exec` or `ssh_channel_request_shell`.
    public func start(
        _ command: String?, terminal: PseudoTerminal? = nil, environment: [String: String] = [:],
        deadline: Duration = .seconds(10)
    ) async throws -> Channel {
        try await start("starting a command", terminal, environment, deadline) { handle in
            command.map { ssh_channel_request_exec(handle, $0) } ?? ssh_channel_request_shell(handle)
        }
    }

    /// Starts a subsystem, for example `sftp` (RFC 4254, section 6.5).
    ///
    /// - Parameters:
    ///   - name: as the server's configuration names it.
    ///   - environment: variables to set; sshd takes those that its `AcceptEnv` names.
    ///   - deadline: how long the server may take for each of its answers.
    /// - Throws: `SSHError`, `denied` where the server has none of this name; `CancellationError`.
    ///
    /// The C function is `ssh_channel_request_subsystem`.
    public func startSubsystem(
        _ name: String, environment: [String: String] = [:], deadline: Duration = .seconds(10)
    ) async throws -> Channel {
        try await start("starting the subsystem \(name)", nil, environment, deadline) {
            ssh_channel_request_subsystem($0, name)
        }
    }

    private func start(
        _ operation: String, _ terminal: PseudoTerminal?, _ environment: [String: String], _ deadline: Duration,
        _ request: (ssh_channel) -> CInt
    ) async throws -> Channel {
        try await open(operation) { channel in
            try await channel.complete(operation, within: deadline) { ssh_channel_open_session($0) }
            for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
                try await channel.complete("setting the variable \(name)", within: deadline) {
                    ssh_channel_request_env($0, name, value)
                }
            }
            if let terminal {
                let (columns, rows) = (CInt(terminal.columns), CInt(terminal.rows))
                try await channel.complete(operation, within: deadline) {
                    ssh_channel_request_pty_size($0, terminal.type, columns, rows)
                }
            }
            try await channel.complete(operation, within: deadline, request)
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
    func open(
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

    /// - Throws: `SSHError` where the channel has been closed on this side.
    func channel(_ identifier: Int, _ operation: String) throws(SSHError) -> ChannelState {
        if let channel = channels[identifier] { return channel }
        throw connection.over(operation) ?? SSHError(.closed, operation, "the channel was closed on this side")
    }

    func attach(_ identifier: Int, stdin: CInt?, stdout: CInt, stderr: CInt) async throws -> ExitStatus {
        defer { closeChannel(identifier) }
        let channel = try channel(identifier, "command")
        return try await DescriptorPump(channel, stdin: stdin, stdout: stdout, stderr: stderr).run()
    }

    func splice(_ identifier: Int, _ socket: CInt) async throws {
        defer { closeChannel(identifier) }
        try await ForwardPump(try channel(identifier, "forwarding"), socket: socket).run()
    }

    func read(_ identifier: Int, errorOutput: Bool) async throws -> [UInt8]? {
        let operation = "reading from the channel"
        while true {
            let channel = try channel(identifier, operation)
            let mark = channel.events.news
            if let bytes = channel.takeAll(errorOutput: errorOutput) { return bytes }
            if channel.hasEnded { return nil }
            try await loop.wait(for: channel.events, after: mark)
        }
    }

    func write(_ bytes: [UInt8], to identifier: Int, isLast: Bool) async throws {
        let operation = "writing to the channel"
        var input = PendingInput(bytes)
        while true {
            let channel = try channel(identifier, operation)
            let mark = channel.events.news
            if channel.isClosed || channel.hasSentEnd, !isLast {
                throw SSHError(.closed, operation, "there is nobody to take it any more")
            }
            try channel.push(&input, isLast: isLast)
            if input.isEmpty { return }
            try await loop.wait(for: channel.events, after: mark)
        }
    }

    func status(of identifier: Int) async throws -> ExitStatus {
        while true {
            let channel = try channel(identifier, "command")
            let mark = channel.events.news
            _ = channel.takeAll(errorOutput: false)
            _ = channel.takeAll(errorOutput: true)
            if channel.isClosed { return channel.status }
            try await loop.wait(for: channel.events, after: mark)
        }
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
