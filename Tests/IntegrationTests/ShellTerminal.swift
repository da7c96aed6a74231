import Core
import Glibc
import Platform
import Synchronization
import TestSupport

@testable import scout

/// A real shell on a terminal of its own, with the test at the keyboard.
///
/// `scout` on its path is a stand-in that completes as scout does and, run in any other way, notes its arguments.
final class ShellTerminal: Sendable {
    struct Failure: Error, CustomStringConvertible { let description: String }

    private let directory: String
    private let master: CInt
    private let seen = Mutex<[UInt8]>([])
    private let isOpen = Mutex(true)

    /// Runs a shell, with scout's completion as it is installed, for as long as the body lasts.
    static func with(_ shell: Shell, _ bench: Workbench, _ body: (ShellTerminal) async throws -> Void) async throws {
        let terminal = try ShellTerminal(shell, bench)
        let environment = terminal.environment(bench)
        let script = "exec setsid --ctty --wait \(terminal.start(shell)) <\"$0\" >\"$0\" 2>&1"
        let path = try terminal.path()
        async let ended = Command("sh", environment: environment)("-c", script, path)
        do {
            try await terminal.wait(for: "ready>")
            try await body(terminal)
        } catch {
            terminal.hangUp()
            _ = try await ended
            throw error
        }
        terminal.hangUp()
        _ = try await ended
    }

    private init(_ shell: Shell, _ bench: Workbench) throws {
        directory = bench.directory
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
        guard master >= 0 else { throw Failure(description: "no terminal: \(errno)") }
        for path in ["/bin", "/zdot", "/config", "/config/fish", "/work"] { mkdir(directory + path, 0o700) }
        let stand = """
            #!/bin/sh
            [ "$1" = __complete ] && exec '\(Project.binary)' "$@"
            printf '%s\\0' "$@" '' >>'\(directory)/ran'
            """
        Workbench.write(Array((stand + "\n").utf8), to: directory + "/bin/scout", mode: 0o755)
        let completions = "\(Project.root)/completions"
        let bash = "PS1='ready> '; HISTFILE=; cd '\(directory)/work'; source '\(completions)/scout.bash'\n"
        let zsh = """
            PS1='ready> '; cd '\(directory)/work'; unsetopt beep; fpath=('\(completions)' $fpath)
            autoload -Uz compinit; compinit -u -D

            """
        let fish = """
            function fish_prompt; echo -n 'ready> '; end
            set -g fish_greeting; set -g fish_autosuggestion_enabled 0; cd '\(directory)/work'; source '\(completions)/scout.fish'

            """
        Workbench.write(Array(bash.utf8), to: directory + "/bashrc")
        Workbench.write(Array(zsh.utf8), to: directory + "/zdot/.zshrc")
        Workbench.write(Array(fish.utf8), to: directory + "/config/fish/config.fish")
    }

    deinit { hangUp() }

    private func start(_ shell: Shell) -> String {
        shell == .bash ? "bash --noprofile --rcfile \(directory)/bashrc -i" : "\(shell.rawValue) -i"
    }

    private func environment(_ bench: Workbench) -> [String: String] {
        var environment = bench.environment
        environment["PATH"] = "\(directory)/bin:" + (environment["PATH"] ?? "")
        environment["ZDOTDIR"] = directory + "/zdot"
        environment["XDG_CONFIG_HOME"] = directory + "/config"
        environment["TERM"] = "xterm"
        return environment
    }

    /// The terminal's other end: what unlockpt and ptsname do, which Swift's Glibc module doesn't have.
    private func path() throws -> String {
        var (locked, number): (CInt, CInt) = (0, 0)
        guard ioctl(master, 0x4004_5431, &locked) == 0, ioctl(master, 0x8004_5430, &number) == 0 else {
            throw Failure(description: "no terminal: \(errno)")
        }
        var size = winsize(ws_row: 40, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0)
        guard ioctl(master, UInt(TIOCSWINSZ), &size) == 0 else { throw Failure(description: "no size: \(errno)") }
        return "/dev/pts/\(number)"
    }

    /// All that was shown so far.
    var screen: String {
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(master, &chunk, chunk.count)
            guard count > 0 else { break }
            seen.withLock { $0 += chunk[..<count] }
        }
        return seen.withLock { String(decoding: $0, as: UTF8.self) }
    }

    func type(_ keys: String) throws {
        guard write(master, keys, keys.utf8.count) == keys.utf8.count else { throw Failure(description: "can't type") }
    }

    func wait(for text: String) async throws {
        let end = ContinuousClock.now + .seconds(20)
        while !screen.contains(text) {
            guard ContinuousClock.now < end else { throw Failure(description: "never shown: \(text)\n\(screen)") }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Types a line with a TAB in it, and Enter.
    ///
    /// - Returns: the arguments that the program got.
    func run(_ keys: String) async throws -> [String] {
        let path = directory + "/ran"
        unlink(path)
        try type(keys + "\r")
        let end = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < end {
            _ = screen
            if let bytes = try File.read(path), bytes.suffix(2) == [0, 0] {
                let words = bytes.dropLast(2).split(separator: 0, omittingEmptySubsequences: false)
                return words.map { String(decoding: $0, as: UTF8.self) }
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw Failure(description: "\(keys): nothing ran\n\(screen.suffix(400).debugDescription)")
    }

    /// Takes the terminal away, which ends every shell.
    private func hangUp() {
        isOpen.withLock { open in
            if open { close(master) }
            open = false
        }
    }
}
