import Core
import Platform

/// The command line of an nbdkit that serves one connection on its stdin and stdout.
///
/// It finds what it serves as a descriptor. nbdkit 1.32 takes no descriptor, and turns a file's path into that which it had
/// when it was opened. But in a directory it opens the name that the client asks for; so there is one, with one link in it,
/// which leads to the descriptor: `DIRECTORY/NAME` → `/proc/self/fd/4`.
struct NBDServer {
    /// The user's name that goes with the pre-shared key.
    static let presharedKeyUser = "scout"

    /// The part of the source that it serves.
    let range: ExportRange
    /// The only name it answers to, beside the empty one.
    let exportName: String
    /// Where the link of that name is.
    let directory: String
    /// Whether clients may write.
    let writable: Bool
    /// The key file, where TLS is required.
    let keyFile: String?

    /// The command. `--readonly` is the second of three checks that evidence stays as it is.
    ///
    /// - Parameter path: where nbdkit is looked for, as `PATH` has it.
    /// - Throws: `ScoutError` (`unreachable`) with the line that installs it.
    func command(path: String?) throws(ScoutError) -> ServerCommand {
        guard let executable = ChildProcess.find("nbdkit", path: path) else {
            throw ScoutError(.unreachable, "nbdkit is not installed here", hint: "apt-get install nbdkit")
        }
        var arguments = ["nbdkit", "--single"]
        if !writable { arguments.append("--readonly") }
        if let keyFile { arguments += ["--tls=require", "--tls-psk=\(keyFile)"] }
        arguments += ["--filter=exportname", "--filter=offset", "file", "dir=\(directory)"]
        arguments += [
            "default-export=\(exportName)", "exportname=\(exportName)", "exportname=", "exportname-strict=true",
        ]
        arguments += ["offset=\(range.offsetBytes)", "range=\(range.sizeBytes)"]
        return ServerCommand(executable: executable, arguments: arguments)
    }
}
