import Glibc
import Synchronization

/// A real terminal, with the test at the keyboard.
final class PseudoTerminalPair: Sendable {
    let path: String
    private let master: CInt
    /// Held open so that the terminal's mode can be looked at, and outlives whoever uses it.
    let slave: CInt
    private let shown = Mutex<[UInt8]>([])

    init() {
        // What posix_openpt, unlockpt and ptsname do, which Swift's Glibc module doesn't have.
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (locked, number): (CInt, CInt) = (0, 0)
        let (setLock, getNumber): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
        _ = ioctl(master, setLock, &locked)
        _ = ioctl(master, getNumber, &number)
        path = "/dev/pts/\(number)"
        slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    }

    deinit {
        close(slave)
        close(master)
    }

    /// Waits until the screen shows a text that comes after what was waited for before, and types an answer.
    func type(_ answer: String, after text: String) async throws {
        let end = ContinuousClock.now + .seconds(30)
        while !screen.contains(text) {
            guard ContinuousClock.now < end else { throw OpenSSHServer.Failure(description: "never shown: \(text)") }
            look()
            try await Task.sleep(for: .milliseconds(10))
        }
        shown.withLock { $0 = [] }
        write(master, answer, answer.utf8.count)
    }

    var screen: String {
        look()
        return shown.withLock { String(decoding: $0, as: UTF8.self) }
    }

    var echoes: Bool {
        var mode = termios()
        tcgetattr(slave, &mode)
        return mode.c_lflag & tcflag_t(ECHO) != 0
    }

    var isCanonical: Bool {
        var mode = termios()
        tcgetattr(slave, &mode)
        return mode.c_lflag & tcflag_t(ICANON | ISIG) == tcflag_t(ICANON | ISIG)
    }

    func resize(columns: UInt16, rows: UInt16) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    private func look() {
        var ready = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
        var chunk = [UInt8](repeating: 0, count: 4096)
        while poll(&ready, 1, 0) > 0, ready.revents & Int16(POLLIN) != 0 {
            let count = read(master, &chunk, chunk.count)
            guard count > 0 else { return }
            shown.withLock { $0 += chunk[..<count] }
        }
    }
}
