import Core
import FoundationEssentials
import Glibc
@testable import Host
import Platform
import Synchronization
import Testing
import TestSupport

/// A directory with an agent in it, and clients that are not scout's.
final class AgentStage: Sendable {
    let directory: String
    let path: String
    let evaluations = Atomic<Int>(0)
    let running = Atomic<Int>(0)
    let mostRunning = Atomic<Int>(0)

    init() {
        directory = "/tmp/scout-agent-\(Project.uniqueName())"
        path = directory + "/scout.sock"
        mkdir(directory, 0o755)
    }

    deinit {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
            unlink("\(directory)/\(name)")
            rmdir("\(directory)/\(name)")
        }
        rmdir(directory)
    }

    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted() }

    static let report = ForwardsReport(
        source: .agent, checkedAt: Date(timeIntervalSince1970: 1_800_000_000),
        vpn: .init(up: true, interface: "tap0", address: "10.1.0.2"), lan: .init(enabled: false),
        hostControl: .init(enabled: false, port: 23),
        forwards: [
            .init(
                port: 22, proto: "tcp", to: "10.0.3.2:22", vpn: .open, lan: .closed, packets: 3, bytes: 180, reason: nil
            )
        ], exposures: [])

    /// An answer of so many bytes at least.
    static func report(of size: Int) -> ForwardsReport {
        var report = report
        report.forwards[0].reason = String(repeating: "x", count: size)
        return report
    }

    /// Runs an agent while the body runs.
    func serve(
        taking time: Duration = .zero, limits: AgentLimits = AgentLimits(),
        _ result: Result<ForwardsReport, ScoutError> = .success(report),
        _ body: () throws -> Void
    ) throws {
        let agent = HostAgent(socketPath: path, limits: limits) { [self] in
            evaluations.add(1, ordering: .relaxed)
            mostRunning.max(running.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
            usleep(UInt32(time / .microseconds(1)))
            running.subtract(1, ordering: .relaxed)
            return result
        }
        let process = try RunningAgent(agent)
        defer { process.stop() }
        let isThere = eventually { self.client() != nil }
        try #require(isThere, "\(process.error as Any)")
        try body()
    }

    /// The whole exchange, by scout's own client.
    func expectReport() throws {
        let answer = try HostAgentClient.ask(path)
        #expect(answer == Self.report)
    }

    /// A connected socket whose reads end after 8 s.
    func client() -> Wire? {
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let status = try? UnixAddress.withSocketAddress(path) { connect(descriptor, $0, $1) }
        guard status == 0 else {
            close(descriptor)
            return nil
        }
        return Wire(descriptor)
    }

    /// A listener that is no agent.
    func listener(backlog: CInt = 8) throws -> Wire {
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try #require(try UnixAddress.withSocketAddress(path) { bind(descriptor, $0, $1) } == 0)
        try #require(listen(descriptor, backlog) == 0)
        return Wire(descriptor)
    }
}

/// A descriptor that is closed when nobody holds it.
final class Wire: Sendable {
    let descriptor: CInt

    init(_ descriptor: CInt) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 8, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    @discardableResult func say(_ text: String) -> Bool { say(Array(text.utf8)) }

    @discardableResult func say(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) } == bytes.count
    }

    /// All there is until the other side closes.
    func hear() -> String {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor, &piece, piece.count)
            if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<count]
        }
    }

    /// The code of the error that is all there is.
    func hearError() -> ScoutError.Code? {
        do {
            _ = try JSON.decode(ForwardsReport.self, from: Data(hear().utf8))
            return nil
        } catch {
            return error.code
        }
    }

    func accepted() -> Wire { Wire(accept(descriptor, nil, nil)) }
}

/// An agent on a thread of its own.
final class RunningAgent: Sendable {
    private struct Outcome {
        var isOver = false
        var error: ScoutError?
    }
    private let outcome = Mutex(Outcome())
    private let ends: [CInt]

    var error: ScoutError? { outcome.withLock { $0.error } }
    var isOver: Bool { outcome.withLock { $0.isOver } }

    init(_ agent: HostAgent) throws {
        var ends: [CInt] = [-1, -1]
        try #require(pipe(&ends) == 0)
        self.ends = ends
        let stop = ends[0]
        try Thread.start { [self] in
            var failure: ScoutError?
            do throws(ScoutError) { try agent.run(until: stop) } catch { failure = error }
            outcome.withLock { [failure] in $0 = Outcome(isOver: true, error: failure) }
        }
    }

    deinit { for end in ends { close(end) } }

    func stop() {
        var byte: UInt8 = 1
        _ = write(ends[1], &byte, 1)
        #expect(eventually { self.isOver })
    }
}

/// Whether it becomes true within 5 s.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<500 {
        if condition() { return true }
        usleep(10_000)
    }
    return condition()
}
