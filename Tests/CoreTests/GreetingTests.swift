import Foundation
import Glibc
import Platform
import Testing

@testable import Core

@Suite(.timeLimit(.minutes(1))) struct GreetingTests {
    @Test(
        arguments: [
            ("SSH-2.0-x\r\n", "SSH-2.0-x", ""), ("SSH-2.0-x\n", "SSH-2.0-x", ""), ("SSH-2.0-x", nil, "SSH-2.0-x"),
            ("Hello\r\n\r\nSSH-2.0-x y\r\nmore", "SSH-2.0-x y", "Hello\r\n\r\n"),
            ("Hello SSH-2.0\n", nil, "Hello SSH-2.0\n"),
            ("", nil, ""), ("HTTP/1.1 400\r\n", nil, "HTTP/1.1 400\r\n"),
        ] as [(String, String?, String)])
    func identificationIsTheFirstLineThatBeginsSo(said: String, identification: String?, text: String) {
        let greeting = SSHIdentification(Array(said.utf8))
        #expect(greeting.line == identification && greeting.text == text)
    }

    @Test func linesBeforeItAreReadHoweverTheyCome() async throws {
        setenv("SCOUT_DIAL_ONLY", "127.0.0.0/8,::1", 1)
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        let host = try #require(IPAddress("127.83.1.7"))
        #expect(host.withSocketAddress(port: 0) { bind(listener, $0, $1) } == 0)
        #expect(listen(listener, 1) == 0)
        var name = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &size) }
        }
        try Thread.start {
            let peer = accept(listener, nil, nil)
            for piece in [
                "Hello from the gateway\r", "\n" + String(repeating: "x", count: 3000), "\nSS", "H-2.0-y\r\n",
            ] {
                send(peer, piece, piece.utf8.count, CInt(MSG_NOSIGNAL))
                usleep(50_000)
            }
            close(peer)
        }
        let greeting = try await BannerProbe.ssh(
            host: "127.83.1.7", port: UInt16(bigEndian: name.sin_port), deadline: .seconds(5))
        #expect(greeting.line == "SSH-2.0-y")
        #expect(greeting.text.hasPrefix("Hello from the gateway"))
    }
}
