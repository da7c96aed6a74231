import Core
import Glibc

/// The command line of an nbdkit that serves one connection on its stdin and stdout.
///
/// It finds what it serves as a descriptor. nbdkit 1.32 takes no descriptor, and turns a file's path into that which it had
/// when it was opened. But in a directory it opens the name that the client asks for; so there is one, with one link in it,
/// which leads to the descriptor: `DIRECTORY/NAME` → `/proc/self/fd/4`.
struct NBDServer {
    /// Where a server finds the source; 3 is ``GroupDeathSignal/descriptor``.
    static let sourceDescriptor: CInt = 4
    /// The user's name that goes with the pre-shared key.
    static let presharedKeyUser = "scout"

    /// nbdkit's path.
    let executable: String
    /// What it serves.
    let opened: OpenSource
    /// The part of it.
    let range: ExportRange
    /// The only name it answers to, beside the empty one.
    let exportName: String
    /// Where the link of that name is.
    let directory: String
    /// Whether clients may write, and the like.
    let request: NBDRequest
    /// The key file, where TLS is required.
    let keyFile: String?

    /// Finds nbdkit.
    ///
    /// - Parameters: what is served, and how; see the properties.
    /// - Throws: `ScoutError` (`unreachable`) with the line that installs it.
    init(
        opened: OpenSource, range: ExportRange, exportName: String, directory: String, request: NBDRequest,
        keyFile: String?, path: String?
    ) throws(ScoutError) {
        guard let found = ChildProcess.find("nbdkit", path: path) else {
            throw ScoutError(.unreachable, "nbdkit is not installed here", hint: "apt-get install nbdkit")
        }
        executable = found
        self.opened = opened
        self.range = range
        self.exportName = exportName
        self.directory = directory
        self.request = request
        self.keyFile = keyFile
    }

    /// The words of the command. `-r` is the second of three checks that evidence stays as it is.
    var arguments: [String] {
        var words = ["nbdkit", "--single"]
        if !request.writable { words.append("--readonly") }
        if let keyFile { words += ["--tls=require", "--tls-psk=\(keyFile)"] }
        words += ["--filter=exportname", "--filter=offset", "file", "dir=\(directory)"]
        words += ["default-export=\(exportName)", "exportname=\(exportName)", "exportname=", "exportname-strict=true"]
        words += ["offset=\(range.offsetBytes)", "range=\(range.sizeBytes)"]
        return words
    }

    /// Starts one on a connection of its own and has it examined, before any port is opened to anybody.
    ///
    /// - Parameter check: gets a connected socket, which it owns, and throws where the export is not as it should be.
    /// - Throws: what the check threw, or what nbdkit said.
    func preflight(_ check: (CInt) throws -> Void) throws {
        var ends: [CInt] = [-1, -1]
        let log = try PipeEnds()
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            let code = errno
            log.close()
            throw ScoutError(.failed, "no socket pair: \(String(cString: strerror(code)))")
        }
        let command = ChildProcess(
            executable: executable, arguments: arguments,
            descriptors: [
                (ends[1], STDIN_FILENO), (ends[1], STDOUT_FILENO), (log.write, STDERR_FILENO),
                (opened.descriptor, Self.sourceDescriptor),
            ])
        let child = Result { () throws(ScoutError) in try command.start() }
        close(ends[1])
        close(log.write)
        defer { close(log.read) }
        guard case .success(let pid) = child else {
            close(ends[0])
            _ = try child.get()
            return
        }
        let outcome = Result { try check(ends[0]) }
        ChildProcess.end(pid)
        guard case .failure(let error) = outcome else { return }
        let words = Self.firstComplaint(in: log.read)
        throw words.map { ScoutError(.io, "\(opened.source.path) can't be exported: \($0)") } ?? error
    }

    /// The first error that nbdkit wrote.
    private static func firstComplaint(in pipe: CInt) -> String? {
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = read(pipe, &bytes, bytes.count)
        let lines = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.contains("error:") }) else { return nil }
        return String(line.replacing("nbdkit: ", with: "").replacing("error: ", with: ""))
    }
}
