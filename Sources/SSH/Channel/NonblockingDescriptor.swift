import Glibc
import Platform

/// A descriptor of the caller's, read or written without ever blocking the session's thread.
///
/// Setting `O_NONBLOCK` would set it for everyone who shares the open file: the user's shell, whose next `read` would
/// fail. So, by kind:
/// - a pipe or a terminal is opened once more through `/proc/self/fd`: the same pipe, with flags of our own;
/// - a socket takes `MSG_DONTWAIT` with each call;
/// - a regular file or device is always ready, and is used as it is, with the offset it shares with the caller;
/// - a pipe or terminal that may not be opened again (another user's, after `su`) is polled, and then written
///   `PIPE_BUF` bytes at a time, for which a pipe that polls as writable has room.
final class NonblockingDescriptor {
    enum Direction { case reading, writing }

    private enum Kind { case plain, socket, bounded }

    /// What to poll, and to read or write.
    let descriptor: CInt
    private let kind: Kind
    /// The number is ours, and closed with this object.
    let isOurs: Bool
    let isTerminal: Bool

    init(_ descriptor: CInt, for direction: Direction) {
        var status = stat()
        let isKnown = fstat(descriptor, &status) == 0
        let format = status.st_mode & S_IFMT
        isTerminal = format == S_IFCHR && isatty(descriptor) == 1
        var own: CInt = -1
        // The multiplexer opens a new terminal each time it is opened.
        let isMultiplexer = status.st_rdev == Self.terminalMultiplexer
        if isKnown, format == S_IFIFO || (isTerminal && !isMultiplexer) {
            let mode = direction == .reading ? O_RDONLY : O_WRONLY
            own = open("/proc/self/fd/\(descriptor)", mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        }
        isOurs = own >= 0
        if isKnown, format == S_IFIFO, direction == .writing {
            // Fewer turns of the event loop for each megabyte; where the system allows no more, it stays as it is.
            PipeEnds.enlarge(descriptor, to: Self.pipeSize)
        }
        self.descriptor = isOurs ? own : descriptor
        if isKnown, format == S_IFSOCK {
            kind = .socket
        } else {
            kind = !isOurs && (format == S_IFIFO || isTerminal) ? .bounded : .plain
        }
    }

    deinit {
        if isOurs { close(descriptor) }
    }

    /// What an ordinary user may ask for: the default of `/proc/sys/fs/pipe-max-size`.
    private static let pipeSize: CInt = 1 << 20

    /// `/dev/ptmx`; `nil` where there is none.
    private static let terminalMultiplexer: dev_t? = {
        var status = stat()
        return stat("/dev/ptmx", &status) == 0 ? status.st_rdev : nil
    }()

    /// What a transfer came to.
    enum Result: Equatable {
        case moved(Int)
        case again
        case failed(CInt)
    }

    /// Whether a read would find bytes, or the end: `poll`.
    var isReadable: Bool {
        var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&ready, 1, 0) > 0
    }

    /// Reads what is there: `read`, or `recv` for a socket. ``Result/moved(_:)`` with 0 is the end of file.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Result {
        while true {
            let count =
                kind == .socket
                ? recv(descriptor, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT))
                : Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 { return .moved(count) }
            if errno != EINTR { return Self.failure(errno) }
        }
    }

    /// Writes what there is room for: `write`, or `send` for a socket.
    func write(_ bytes: UnsafeRawBufferPointer) -> Result {
        var size = bytes.count
        if kind == .bounded {
            size = min(size, Int(PIPE_BUF))
            var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            if poll(&ready, 1, 0) == 0 { return .again }
        }
        while true {
            let flags = CInt(MSG_DONTWAIT | MSG_NOSIGNAL)
            let count =
                kind == .socket
                ? send(descriptor, bytes.baseAddress, size, flags)
                : Glibc.write(descriptor, bytes.baseAddress, size)
            if count >= 0 { return .moved(count) }
            if errno != EINTR { return Self.failure(errno) }
        }
    }

    private static func failure(_ code: CInt) -> Result {
        code == EAGAIN || code == EWOULDBLOCK ? .again : .failed(code)
    }
}
