import CLibSSH
import Foundation
import Glibc
import Testing

@testable import SSH

@Suite(.timeLimit(.minutes(3))) struct ForwardTests {
    @Test func connectionsThroughTheServerCarryBothDirections() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let echo = EchoServer("127.63.1.1")
            let channel = try await session.openTCP(to: "127.63.1.1", port: echo.port)
            try await converse(over: channel)
            let closed = EchoServer.closedPort("127.63.1.1")
            let error = await failure { try await session.openTCP(to: "127.63.1.1", port: closed) }
            #expect(error?.kind == .denied)
            #expect(await session.channelCount == 0)
        }
    }

    @Test func unixSocketsAreReachedThroughTheServer() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let echo = EchoServer(path: server.directory + "/echo")
            try await converse(over: try await session.openUnix(to: echo.path))
            let error = await failure { try await session.openUnix(to: server.directory + "/nobody") }
            #expect(error?.kind == .denied)
        }
    }

    @Test func theServerListensAndHandsConnectionsOver() async throws {
        try await OpenSSHServer.with { server in
            let session = try await server.login()
            let listener = try await session.listenTCP(on: "127.0.0.1", port: 0)
            #expect(listener.port >= 49152)
            let again = await failure { try await session.listenTCP(on: "127.0.0.1", port: listener.port) }
            #expect(again?.kind == .denied)
            for _ in 0..<3 {
                let client = try OpenSSHServer.dial("127.0.0.1", listener.port)
                let connection = try await listener.accept()
                #expect(connection.originator == "127.0.0.1")
                try await exchange(between: client, and: connection.channel)
            }
            // A waiting one is told when the listener closes, and the server listens no more.
            let waiting = Task { try await listener.accept() }
            try await Task.sleep(for: .milliseconds(100))
            try await listener.close()
            #expect(await failure { try await waiting.value }?.kind == .closed)
            #expect(throws: (any Error).self) { try OpenSSHServer.dial("127.0.0.1", listener.port) }
            #expect(await session.channelCount == 0)
        }
    }

    @Test func aServerThatForwardsNothingSaysSo() async throws {
        try await OpenSSHServer.with(.init(configuration: ["AllowTcpForwarding no"])) { server in
            let session = try await server.login()
            #expect(await failure { try await session.listenTCP(on: "127.0.0.1", port: 0) }?.kind == .denied)
            #expect(await failure { try await session.openTCP(to: "127.0.0.1", port: 1) }?.kind == .denied)
            #expect(try await session.run("echo on", deadline: .seconds(20)).stdout == Array("on\n".utf8))
        }
    }

    /// libssh keeps one state for all requests, and its keep-alive is one of them.
    @Test func keepAlivesTakeNoAnswerFromAListener() async throws {
        try await OpenSSHServer.with { server in
            let hasty = Session.Liveness(probeInterval: .milliseconds(1), giveUp: .seconds(20))
            let session = try await server.login(liveness: hasty)
            let waiting = Task { try await session.ended() }
            for _ in 0..<20 {
                let listener = try await session.listenTCP(on: "127.0.0.1", port: 0)
                let client = try OpenSSHServer.dial("127.0.0.1", listener.port)
                let connection = try await listener.accept()
                try await exchange(between: client, and: connection.channel)
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...4)))
                try await listener.close()
                #expect(throws: (any Error).self) { try OpenSSHServer.dial("127.0.0.1", listener.port) }
            }
            waiting.cancel()
        }
    }

    @Test(arguments: [ScriptedServer.Conduct.opensChannels, .asksOddThings])
    func whatTheServerAsksForUnaskedIsRefused(conduct: ScriptedServer.Conduct) async throws {
        let directory = try OpenSSHServer.makeDirectory()
        defer { _ = try? OpenSSHServer.run("rm", "-r", directory) }
        try OpenSSHServer.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory + "/key")
        let server = ScriptedServer("127.63.1.2", hostKey: directory + "/key", conduct)
        let session = try await Session.connect(
            socket: OpenSSHServer.dial(server.address, server.port), host: server.address, port: server.port,
            user: "root", knownHosts: KnownHosts(own: "/nonexistent/known_hosts", others: []), deadline: .seconds(10))
        try await session.authenticate(with: [], deadline: .seconds(10)) { _, _ in nil }
        let output = try await session.run("anything", deadline: .seconds(20))
        #expect(output.status == .exited(0))
        #expect(String(decoding: output.stdout, as: UTF8.self) == "all refused")
        #expect(await session.channelCount == 0)
    }

    /// Joins a socket pair to a channel whose other end echoes, and talks through it.
    private func converse(over channel: Channel) async throws {
        var ends: [CInt] = [-1, -1]
        socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends)
        let (inner, outer) = (ends[0], ends[1])
        defer { close(inner) }
        let splice = Task { try await channel.splice(inner) }
        let bytes = noise(3 << 20)
        let heard = await send(bytes, through: outer)
        #expect(heard == bytes)
        try await splice.value
        close(outer)
    }

    /// Sends bytes both ways between a client of the server's port and this side, with the end of file of each.
    private func exchange(between client: CInt, and channel: Channel) async throws {
        let (there, here) = (noise(1 << 20, seed: 2), noise(1 << 20, seed: 3))
        async let fromHere = send(there, through: client)
        var fromThere: [UInt8] = []
        while let bytes = try await channel.read() { fromThere += bytes }
        #expect(fromThere == there)
        try await channel.write(here)
        try await channel.finishWriting()
        #expect(await fromHere == here)
        close(client)
        await channel.close()
    }

    /// Sends all, ends that direction, and reads the other to its end, on threads of their own.
    private func send(_ bytes: [UInt8], through descriptor: CInt) async -> [UInt8] {
        Thread.detach {
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Glibc.send(
                        descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent, CInt(MSG_NOSIGNAL))
                }
                if count <= 0 { break }
                sent += count
            }
            shutdown(descriptor, CInt(SHUT_WR))
        }
        return await withCheckedContinuation { continuation in
            Thread.detach {
                var all: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 1 << 16)
                while true {
                    let count = read(descriptor, &chunk, chunk.count)
                    if count <= 0 { break }
                    all += chunk[..<count]
                }
                continuation.resume(returning: all)
            }
        }
    }
}
