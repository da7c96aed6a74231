import Core
import Glibc
import Platform
import Testing

@testable import Diagnostics

/// What a connection to a port proves, and what it doesn't.
@Suite(.timeLimit(.minutes(1))) struct PortReachabilityTests {
    @Test func aMachineOutOfDescriptorsSaysNothingOfThePort() async {
        await #expect(processExitsWith: .success) {
            setenv("SCOUT_DIAL_ONLY", "127.0.0.0/8,::1", 1)
            // What is open stays open; nothing more can be opened.
            var limit = rlimit(rlim_cur: 3, rlim_max: 3)
            guard setrlimit(__rlimit_resource_t(7), &limit) == 0 else { exit(3) }
            let row = ProbeReport.Row(port: 1, state: .probing)
            let reach = await PortReachability.test(
                row, at: "127.0.0.1", nonce: "x", deadline: .seconds(2), asking: LiveNetwork())
            exit(reach.verdict == .unknown && reach.reason.contains("could not dial") ? 0 : 4)
        }
    }

    @Test func whoeverIsMuteProvesNothing() async throws {
        setenv("SCOUT_DIAL_ONLY", "127.0.0.0/8,::1", 1)
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let host = try #require(IPAddress("127.83.2.1"))
        #expect(host.withSocketAddress(port: 0) { bind(listener, $0, $1) } == 0)
        #expect(listen(listener, 4) == 0)
        var name = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &size) }
        }
        let row = ProbeReport.Row(port: UInt16(bigEndian: name.sin_port), state: .probing)
        let mute = await PortReachability.test(
            row, at: "127.83.2.1", nonce: "x", deadline: .milliseconds(300), asking: LiveNetwork())
        #expect(mute.verdict == .unknown && mute.reason.contains("does not tell the nonce"))
        close(listener)
        let gone = await PortReachability.test(
            row, at: "127.83.2.1", nonce: "x", deadline: .milliseconds(300), asking: LiveNetwork())
        #expect(gone.verdict == .closed)
    }
}
