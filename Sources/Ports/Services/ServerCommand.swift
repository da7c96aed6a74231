import Core
import Glibc
import Platform

/// A program that serves one connection on its stdin and stdout, and finds the source open.
struct ServerCommand: Codable {
    /// The program's path.
    let executable: String
    /// Its arguments, the program's name first.
    let arguments: [String]

    /// Where a server holds what kills it when its gate is gone.
    static let deathSignalDescriptor: CInt = 3
    /// Where a server finds the source.
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
        var server = ChildProcess(
            executable, arguments,
            descriptors: [
                .init(connection, as: STDIN_FILENO), .init(connection, as: STDOUT_FILENO),
                .init(errors, as: STDERR_FILENO), .init(source, as: Self.sourceDescriptor),
            ])
        if let deathSignal { server.descriptors.append(.init(deathSignal.end, as: Self.deathSignalDescriptor)) }
        return try ScoutError.wrap(server.start())
    }
}
