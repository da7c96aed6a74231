public import Glibc

/// A process of its own session that outlives the one who started it, and says when it is at work.
///
/// The starter gives it settings and waits for one byte:
///
///     let pid = try Daemon(process, settings: 3, ready: 5).start(bytes, within: .seconds(5))
///
/// The daemon reads them, and gives the byte when clients may come:
///
///     let bytes = try Daemon.takeSettings(3)
///     try Daemon.settle([4, 5])
///     …
///     Daemon.tellReady(5)
public struct Daemon: Sendable {
    private var process: ChildProcess
    private let settings: CInt
    private let ready: CInt

    /// - Parameters:
    ///   - process: the program, with the descriptors that it needs else; standard input is `/dev/null` where it has none.
    ///   - settings: at which descriptor it reads its settings.
    ///   - ready: at which descriptor it tells that it is at work.
    public init(_ process: ChildProcess, settings: CInt, ready: CInt) {
        self.process = process
        self.process.newSession = true
        self.settings = settings
        self.ready = ready
    }

    /// Starts it, and waits for its byte.
    ///
    /// - Parameters:
    ///   - bytes: its settings.
    ///   - deadline: how long it may take to be at work; then it is ended.
    /// - Returns: its process id.
    /// - Throws: `SystemError`: `cannotStart`; `notReady` where it has ended or said nothing in time.
    ///
    /// Blocks the calling thread.
    public func start(_ bytes: [UInt8], within deadline: Duration) throws(SystemError) -> pid_t {
        let end = ContinuousClock.now + deadline
        // Socket pairs: a daemon that dies before it has read all must not end its starter by SIGPIPE.
        let word = try SocketPair()
        defer { word.close() }
        let answer = try SocketPair()
        defer { answer.close() }
        var command = process
        command.descriptors += [.init(word.far, as: settings), .init(answer.far, as: ready)]
        let pid = try command.start()
        word.closeFar()
        answer.closeFar()
        let isSent = word.send(bytes, until: end)
        word.closeNear()
        guard isSent, answer.hasByte(until: end) else {
            ChildProcess.end(pid)
            throw SystemError(.notReady, "\(process.executable) did not begin its work")
        }
        return pid
    }

    /// In the daemon: reads all that its starter has to say, and puts `/dev/null` in its place.
    ///
    /// - Throws: `SystemError` (`io`, `tooLarge`) where nobody says anything, or more than 16 MiB.
    public static func takeSettings(_ descriptor: CInt) throws(SystemError) -> [UInt8] {
        let bytes = try File.readAll(descriptor, limit: 16 << 20, name: "settings")
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { throw SystemError("/dev/null", code: errno) }
        defer { close(null) }
        guard dup2(null, descriptor) >= 0 else { throw SystemError("/dev/null", code: errno) }
        return bytes
    }

    /// In the daemon: keeps descriptors from its own children, and leaves the directory it was started in.
    ///
    /// - Throws: `SystemError` (`io`) where one of them isn't open.
    public static func settle(_ descriptors: [CInt]) throws(SystemError) {
        for descriptor in descriptors {
            guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else {
                throw SystemError("descriptor \(descriptor)", code: errno)
            }
        }
        // Only so that no file system is kept busy; where it can't, it works as well.
        _ = chdir("/")
    }

    /// In the daemon: says that it is at work. Who started it may be gone; that is no failure.
    public static func tellReady(_ descriptor: CInt) {
        var byte: UInt8 = 1
        _ = send(descriptor, &byte, 1, CInt(MSG_NOSIGNAL))
        close(descriptor)
    }
}

/// Two connected sockets, close-on-exec from their first moment on.
private final class SocketPair {
    private var ends: [CInt] = [-1, -1]

    var near: CInt { ends[0] }
    var far: CInt { ends[1] }

    init() throws(SystemError) {
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw SystemError(.cannotStart, "no socket pair", code: errno)
        }
    }

    func closeNear() { close(0) }
    func closeFar() { close(1) }
    func close() { for end in ends.indices { close(end) } }

    private func close(_ end: Int) {
        if ends[end] >= 0 { Glibc.close(ends[end]) }
        ends[end] = -1
    }

    func send(_ bytes: [UInt8], until end: ContinuousClock.Instant) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard isReady(POLLOUT, until: end) else { return false }
            let count = rest.withUnsafeBytes {
                Glibc.send(near, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if count < 0, errno != EINTR, errno != EAGAIN { return false }
            rest = rest.dropFirst(max(count, 0))
        }
        return true
    }

    /// A byte is the daemon's word; the end of the connection its death.
    func hasByte(until end: ContinuousClock.Instant) -> Bool {
        guard isReady(POLLIN, until: end) else { return false }
        var byte: UInt8 = 0
        return recv(near, &byte, 1, CInt(MSG_DONTWAIT)) == 1
    }

    private func isReady(_ events: CInt, until end: ContinuousClock.Instant) -> Bool {
        var waiting = pollfd(fd: near, events: Int16(events), revents: 0)
        while true {
            let count = poll(&waiting, 1, (end - .now).pollTimeout)
            if count >= 0 || errno != EINTR { return count > 0 }
        }
    }
}
