public import Core
public import Glibc
import Platform
public import SSH

/// The descriptors that a streamed command is connected to.
public struct StandardStreams: Sendable {
    /// Read to its end; `nil` is an empty input.
    public var stdin: CInt?
    /// Written to.
    public var stdout: CInt
    /// Written to.
    public var stderr: CInt

    /// - Parameters:
    ///   - stdin: standard input by default.
    ///   - stdout: standard output by default.
    ///   - stderr: standard error by default.
    public init(stdin: CInt? = STDIN_FILENO, stdout: CInt = STDOUT_FILENO, stderr: CInt = STDERR_FILENO) {
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
    }
}

extension RemoteCommand {
    /// How long a command may take to end after it got a signal that ends us too.
    private static var patience: Duration { .seconds(5) }

    /// Runs the command in place of this process: streams, signals and status pass through.
    ///
    /// SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the command. After SIGTERM or SIGHUP it has five seconds; a third
    /// SIGINT gives up at once.
    ///
    /// - Parameters:
    ///   - session: a session that is logged in.
    ///   - streams: what to connect it to.
    ///   - terminalType: gives it a pseudo-terminal of this type (`TERM`), with the size of the terminal at standard
    ///     input, which is raw meanwhile and restored whatever happens.
    /// - Returns: the status to exit with: the command's own, 128 + n after a signal, 255 where the peer didn't say.
    /// - Throws: `ScoutError`: `unreachable` for a lost link, `io` where a stream fails.
    public func stream(
        over session: Session, _ streams: StandardStreams = StandardStreams(), terminalType: String? = nil
    ) async throws(ScoutError) -> Int32 {
        do {
            return try await Self.stream(line, over: session, streams, terminalType: terminalType) { signal, channel in
                if await !self.signal(signal, over: session) { try? await channel.send(signal) }
            }
        } catch {
            throw ScoutError(error, session: session)
        }
    }

    private static func stream(
        _ line: String, over session: Session, _ streams: StandardStreams, terminalType: String?,
        send: @escaping @Sendable (RemoteSignal, Channel) async -> Void
    ) async throws -> Int32 {
        let keyboard = streams.stdin ?? -1
        let terminal = terminalType.map { type in
            let (columns, rows) = size(of: keyboard) ?? size(of: streams.stdout) ?? (80, 24)
            return PseudoTerminal(type: type, columns: columns, rows: rows)
        }
        let caught = try? CaughtSignals([SIGINT, SIGTERM, SIGHUP, SIGQUIT] + (terminal == nil ? [] : [SIGWINCH]))
        defer { caught?.release() }
        let channel = try await session.start(line, terminal: terminal)
        let mode = terminal == nil ? nil : TerminalMode.raw(keyboard)
        defer { mode?.restore() }

        return try await withThrowingTaskGroup(of: Int32?.self) { group in
            group.addTask {
                try await channel.attach(stdin: streams.stdin, stdout: streams.stdout, stderr: streams.stderr).code
            }
            group.addTask {
                guard let caught else { return nil }
                return await forward(caught, to: channel, keyboard: keyboard, send: send)
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let status = result { return status }
            }
            return 255
        }
    }

    /// Hands signals on until one of them means the end.
    ///
    /// - Returns: the status to exit with; `nil` when there are no more signals to come.
    private static func forward(
        _ caught: CaughtSignals, to channel: Channel, keyboard: CInt,
        send: @escaping @Sendable (RemoteSignal, Channel) async -> Void
    ) async -> Int32? {
        var interrupts = 0
        for await number in caught.stream() {
            if number == SIGWINCH {
                if let (columns, rows) = size(of: keyboard) { try? await channel.resize(columns: columns, rows: rows) }
                continue
            }
            guard let signal = RemoteSignal(number: number) else { continue }
            interrupts += number == SIGINT ? 1 : 0
            if interrupts == 3 { return 128 + number }
            // Not waited for: a link that has died must not keep the third interrupt from being seen.
            Task { await send(signal, channel) }
            if number == SIGTERM || number == SIGHUP {
                try? await Task.sleep(for: patience)
                return Task.isCancelled ? nil : 128 + number
            }
        }
        return nil
    }

    private static func size(of terminal: CInt) -> (columns: Int, rows: Int)? {
        var size = winsize()
        guard ioctl(terminal, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return (Int(size.ws_col), Int(size.ws_row))
    }
}
