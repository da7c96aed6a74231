import Core
import Glibc

/// The command line of an nbdkit that serves one connection on its stdin and stdout.
struct NBDServer {
    /// The user's name that goes with the pre-shared key.
    static let presharedKeyUser = "scout"

    /// nbdkit's path.
    let executable: String
    /// What it serves.
    let source: Source
    /// The only name it answers to, beside the empty one.
    let exportName: String
    /// What part, and whether clients may write.
    let request: NBDRequest
    /// The key file, where TLS is required.
    let keyFile: String?

    /// Finds nbdkit.
    ///
    /// - Parameters: what is served, and how; see the properties.
    /// - Throws: `ScoutError` (`unreachable`) with the line that installs it.
    init(source: Source, exportName: String, request: NBDRequest, keyFile: String?, path: String?) throws(ScoutError) {
        guard let found = ChildProcess.find("nbdkit", path: path) else {
            throw ScoutError(.unreachable, "nbdkit is not installed here", hint: "apt-get install nbdkit")
        }
        executable = found
        self.source = source
        self.exportName = exportName
        self.request = request
        self.keyFile = keyFile
    }

    /// The words of the command. `-r` is the second of three checks that evidence stays as it is.
    var arguments: [String] {
        var words = ["nbdkit", "--single"]
        if !request.writable { words.append("--readonly") }
        if let keyFile { words += ["--tls=require", "--tls-psk=\(keyFile)"] }
        words.append("--filter=exportname")
        if request.partition != nil { words.append("--filter=partition") }
        if request.offsetBytes != nil || request.lengthBytes != nil { words.append("--filter=offset") }
        words += ["file", "file=\(source.path)"]
        words += ["default-export=\(exportName)", "exportname=\(exportName)", "exportname=", "exportname-strict=true"]
        if let partition = request.partition { words.append("partition=\(partition)") }
        if let offset = request.offsetBytes { words.append("offset=\(offset)") }
        if let length = request.lengthBytes { words.append("range=\(length)") }
        return words
    }

    /// The size that clients must see; `nil` where only nbdkit knows, for a partition.
    var expectedSizeBytes: Int64? {
        guard request.partition == nil else { return nil }
        return request.lengthBytes ?? source.sizeBytes - (request.offsetBytes ?? 0)
    }

    /// Starts one on a connection of its own and has it examined, before any port is opened to anybody.
    ///
    /// - Parameter check: gets a connected socket, which it owns, and throws where the export is not as it should be.
    /// - Throws: what the check threw, or what nbdkit said.
    func rehearse(_ check: (CInt) throws -> Void) throws {
        var ends: [CInt] = [-1, -1]
        var log: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0, pipe(&log) == 0 else {
            throw ScoutError(.failed, "no socket pair: \(String(cString: strerror(errno)))")
        }
        let command = ChildProcess(
            executable: executable, arguments: arguments,
            descriptors: [(ends[1], STDIN_FILENO), (ends[1], STDOUT_FILENO), (log[1], STDERR_FILENO)])
        let child = Result { () throws(ScoutError) in try command.start() }
        close(ends[1])
        close(log[1])
        defer { close(log[0]) }
        guard case .success(let pid) = child else {
            close(ends[0])
            _ = try child.get()
            return
        }
        let outcome = Result { try check(ends[0]) }
        ChildProcess.end(pid)
        guard case .failure(let error) = outcome else { return }
        let words = Self.firstComplaint(in: log[0])
        throw words.map { ScoutError(.io, "\(source.path) can't be exported: \($0)") } ?? error
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
