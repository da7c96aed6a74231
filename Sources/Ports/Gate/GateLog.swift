import Core
import FoundationEssentials
import Glibc
import Platform

/// A gate's log, kept small: bad sectors make a server write a line for each read, and the container's disk is memory.
///
/// The gate's own lines are written at once. What servers say comes through a pipe, and only so much of it
/// is written; lines that were left out are counted, and the log says how many. A file that has grown too long becomes
/// `PORT.log.1`, and the one before that goes.
final class GateLog {
    /// How long a log file may grow, in bytes.
    static let limit = 512 << 10
    /// How many lines of servers are written at once.
    static let burst = 100
    /// How long until there is room for one more.
    private static let interval = Duration.seconds(10)
    /// A longer line is cut.
    static let longestLine = 1000

    /// The writing end, for servers' stderr.
    let serversEnd: CInt
    /// The reading end; drain it when it is readable.
    let descriptor: CInt

    private let directory: PrivateDirectory
    private let name: String
    /// The descriptors that are the log file.
    private let outputs: [CInt]
    private var room = GateLog.burst
    private var filled = ContinuousClock.now
    private var leftOut = 0
    private var partial: [UInt8] = []

    /// - Parameters:
    ///   - name: the log's name in the directory.
    ///   - directory: where logs are.
    ///   - outputs: the descriptors that are that file already, and will be the next one; stdout and stderr by default.
    init(
        _ name: String, in directory: PrivateDirectory, outputs: [CInt] = [STDOUT_FILENO, STDERR_FILENO]
    ) throws(ScoutError) {
        // The gate must never wait for its servers' words; they wait for room in the pipe.
        let ends = try ScoutError.wrap(PipeEnds(nonblocking: .read))
        descriptor = ends.read
        serversEnd = ends.write
        self.directory = directory
        self.name = name
        self.outputs = outputs
    }

    /// Opens a log file for a gate that is about to start.
    static func open(_ name: String, in directory: PrivateDirectory) throws(ScoutError) -> CInt {
        guard let file = try ScoutError.wrap(directory.open(name, O_WRONLY | O_CREAT | O_APPEND)) else {
            throw ScoutError(.cannotCreate, "\(directory.path) is no longer there")
        }
        return file
    }

    /// When a line about what was left out is due; `nil` where nothing was.
    var due: ContinuousClock.Instant? { leftOut > 0 ? filled + Self.interval : nil }

    /// Writes what servers have said, as far as there is room.
    func drain() {
        var piece = [UInt8](repeating: 0, count: 65536)
        // Bounded, so that servers that never stop can't keep the gate from its work.
        for _ in 0..<16 {
            let count = read(descriptor, &piece, piece.count)
            guard count > 0 else { break }
            for byte in piece[..<count] {
                if byte != 0x0A {
                    if partial.count < Self.longestLine { partial.append(byte) }
                } else {
                    take(partial)
                    partial.removeAll(keepingCapacity: true)
                }
            }
        }
        refill()
        if leftOut > 0, room > 0 { confess() }
        rotate()
    }

    /// Writes how many lines were left out, at the end.
    func finish() {
        drain()
        if leftOut > 0 { confess() }
    }

    private func take(_ line: [UInt8]) {
        refill()
        guard room > 0 else {
            leftOut += 1
            return
        }
        if leftOut > 0 { confess() }
        room -= 1
        write(line)
    }

    private func refill() {
        let passed = ContinuousClock.now - filled
        guard passed >= Self.interval else { return }
        room = min(Self.burst, room + Int(min(passed / Self.interval, Double(Self.burst))))
        filled = .now
    }

    private func confess() {
        note("\(leftOut) lines of the servers were left out")
        leftOut = 0
    }

    /// Writes a line of the gate's own, with the time.
    func note(_ text: String) { write(Array("\(Date().formatted(.iso8601)) \(text)".utf8)) }

    /// A log that can't be written (disk full) keeps no service from its work.
    private func write(_ line: [UInt8]) {
        guard let output = outputs.last else { return }
        _ = (line + [0x0A]).withUnsafeBytes { File.writeAll($0, to: output) }
    }

    /// Begins a new file where this one has grown too long.
    func rotate() {
        var info = stat()
        guard let output = outputs.last, fstat(output, &info) == 0, info.st_mode & S_IFMT == S_IFREG,
            info.st_size > Self.limit,
            renameat(directory.descriptor, name, directory.descriptor, name + ".1") == 0,
            let file = try? Self.open(name, in: directory)
        else { return }
        // Where the new file can't take the old one's place, the old one goes on under its new name.
        for output in outputs where dup2(file, output) < 0 { break }
        close(file)
        write(Array("earlier lines are in \(name).1; those before them were removed".utf8))
    }
}
