import Core
import Glibc

/// A program that serves one connection on its stdin and stdout, and finds the source open.
struct ServerCommand: Codable {
    /// The program's path.
    let executable: String
    /// Its arguments, the program's name first.
    let arguments: [String]

    /// Where a server finds the source; 3 is ``GroupDeathSignal/descriptor``.
    static let sourceDescriptor: CInt = 4

    /// Starts it for one connection. The C function is `posix_spawn`.
    ///
    /// - Parameters:
    ///   - connection: its stdin and stdout.
    ///   - errors: its stderr.
    ///   - source: what it serves.
    ///   - deathSignal: what kills it when its gate is gone; `nil` where no gate starts it.
    /// - Returns: its process.
    /// - Throws: `ScoutError` (`failed`) where it can't be started.
    func start(
        on connection: CInt, errors: CInt, source: CInt, deathSignal: GroupDeathSignal?
    ) throws(ScoutError) -> pid_t {
        var descriptors: [(ours: CInt, theirs: CInt)] = [
            (connection, STDIN_FILENO), (connection, STDOUT_FILENO), (errors, STDERR_FILENO),
            (source, Self.sourceDescriptor),
        ]
        if let deathSignal { descriptors.append((deathSignal.end, GroupDeathSignal.descriptor)) }
        return try ChildProcess(executable: executable, arguments: arguments, descriptors: descriptors).start()
    }
}
