import Foundation
import NBD
import Testing

/// The kind of failure that a closure ends in; `nil` where it does not fail.
func failure(_ body: () throws -> Void) -> NBDError.Kind? {
    do {
        try body()
        return nil
    } catch {
        return (error as? NBDError)?.kind
    }
}

@Suite struct NBDConnectionTests {
    @Test func tellsWhatTheExportIs() throws {
        let server = try NBDKitServer(["-r", "-e", "disk", "memory", "3M"])
        let connection = try Connection(uri: NBDURI("nbd+unix:///disk?socket=\(server.socket)"))
        #expect(connection.sizeBytes == 3 << 20)
        #expect(connection.isReadOnly)
        #expect(connection.canMultiConn)
        #expect(connection.hasBlockStatus)
        #expect(!connection.isEncrypted)
        #expect(connection.exportName == "disk")
        #expect(connection.blockSize.minimum >= 1)
    }

    @Test func tellsThatAnExportCanBeWrittenTo() throws {
        let server = try NBDKitServer(["memory", "1M"])
        #expect(try !Connection(uri: NBDURI(server.uri)).isReadOnly)
    }

    @Test func readsOverTCPWhatTheServerHas() throws {
        let address = NBDKitServer.ownAddress()
        let server = try NBDKitServer(["-r", "pattern", "1M"], tcp: address)
        let connection = try Connection(uri: NBDURI("nbd://\(address)/"))
        // The pattern plugin gives each 8 bytes their own offset, big-endian.
        let bytes = try connection.read(at: 0x1_2340, count: 16)
        #expect(bytes == [0, 0, 0, 0, 0, 1, 0x23, 0x40, 0, 0, 0, 0, 0, 1, 0x23, 0x48])
        withExtendedLifetime(server) {}
    }

    @Test func negotiatesOverAConnectedSocket() throws {
        let server = try NBDKitServer(["-r", "pattern", "1M"])
        let connection = try Connection(socket: server.connectedSocket(), exportName: "")
        #expect(try connection.read(at: 8, count: 8) == [0, 0, 0, 0, 0, 0, 0, 8])
    }

    @Test func neverSendsAReadOutsideTheExport() throws {
        let server = try NBDKitServer(["-r", "--filter=log", "memory", "1M", "logfile={dir}/requests"])
        let connection = try Connection(uri: NBDURI(server.uri))
        for (offset, count) in [(1 << 20, 1), ((1 << 20) - 1, 2), (0, 1 << 21), (-1, 1), (.max, 512)] {
            let kind = failure { _ = try connection.read(at: UInt64(bitPattern: Int64(offset)), count: count) }
            #expect(kind == .usage)
        }
        _ = try connection.read(at: (1 << 20) - 1, count: 1)
        let requests = try String(contentsOfFile: server.directory + "/requests", encoding: .utf8)
        let reads = requests.split(separator: "\n").filter { $0.contains(" Read id=") && $0.contains(" offset=") }
        #expect(reads.count == 1)
    }

    @Test func saysThatNobodyListens() {
        #expect(failure { _ = try Connection(uri: NBDURI("nbd+unix:///?socket=/nonexistent/s")) } == .connect)
    }

    @Test func givesUpOnAServerThatAcceptsAndSaysNothing() throws {
        let listener = try SilentListener()
        let start = ContinuousClock.now
        let kind = failure {
            _ = try Connection(
                uri: NBDURI("nbd+unix:///?socket=\(listener.path)"), deadline: .milliseconds(300))
        }
        #expect(kind == .timedOut)
        #expect(.now - start >= .milliseconds(290) && .now - start < .seconds(5))
    }

    @Test func wakesFromTheHandshake() throws {
        let listener = try SilentListener()
        var ends: [CInt] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { ends.forEach { close($0) } }
        let (reader, writer) = (ends[0], ends[1])
        Thread.detachNewThread {
            usleep(100_000)
            _ = write(writer, "x", 1)
        }
        let start = ContinuousClock.now
        let kind = failure {
            _ = try Connection(
                uri: NBDURI("nbd+unix:///?socket=\(listener.path)"), deadline: .seconds(20), wake: reader)
        }
        #expect(kind == .interrupted)
        #expect(.now - start < .seconds(10))
    }
}

@Suite struct NBDTLSTests {
    private func server() throws -> (server: NBDKitServer, key: String, wrong: String) {
        var keys: [String] = []
        let server = try NBDKitServer(
            ["-r", "--tls=require", "--tls-psk={dir}/key", "pattern", "1M"],
            prepare: {
                keys.append(try NBDKitServer.writeKey($0, byte: 0x42))
                keys.append(try NBDKitServer.writeKey($0, byte: 0x43, name: "wrong"))
            })
        return (server, keys[0], keys[1])
    }

    @Test func encryptsWithTheRightKey() throws {
        let (server, key, _) = try server()
        let uri = try NBDURI("nbds+unix://scout@/?socket=\(server.socket)&tls-psk-file=\(key)")
        let connection = try Connection(uri: uri)
        #expect(connection.isEncrypted)
        #expect(try connection.read(at: 16, count: 8) == [0, 0, 0, 0, 0, 0, 0, 16])
    }

    @Test func encryptsOverAConnectedSocket() throws {
        let (server, key, _) = try server()
        let connection = try Connection(
            socket: server.connectedSocket(), exportName: "", security: .psk(user: "scout", keyFile: key))
        #expect(connection.isEncrypted)
    }

    @Test func failsWithTheWrongKeyOrUser() throws {
        let (server, key, wrong) = try server()
        let wrongKey = "nbds+unix://scout@/?socket=\(server.socket)&tls-psk-file=\(wrong)"
        #expect(failure { _ = try Connection(uri: NBDURI(wrongKey)) } == .tls)
        let wrongUser = "nbds+unix://mallory@/?socket=\(server.socket)&tls-psk-file=\(key)"
        #expect(failure { _ = try Connection(uri: NBDURI(wrongUser)) } == .unauthenticated)
    }

    /// CVE-2024-7383: a server with a certificate of its own making must not be believed.
    @Test func anyCertificateIsNoProof() throws {
        let server = try NBDKitServer(
            ["-r", "--tls=require", "--tls-certificates={dir}", "pattern", "1M"], prepare: Self.makeCertificates)
        #expect(
            failure { _ = try Connection(uri: NBDURI("nbds+unix:///?socket=\(server.socket)")) } == .unauthenticated)
    }

    /// What GnuTLS's `certtool` and `openssl` make for anybody, for any name.
    private static func makeCertificates(_ directory: String) throws {
        let words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        let subject = [
            "-subj", "/CN=anybody", "-keyout", directory + "/server-key.pem", "-out", directory + "/server-cert.pem",
        ]
        try Child(["openssl"] + words + subject).wait()
        try FileManager.default.copyItem(atPath: directory + "/server-cert.pem", toPath: directory + "/ca-cert.pem")
    }

    /// libnbd opens the file in the middle of the handshake, where no deadline would reach it.
    @Test func aKeyFileThatIsNoneIsRefusedBeforeTheDial() throws {
        let (server, key, _) = try server()
        let fifo = server.directory + "/fifo"
        try #require(mkfifo(fifo, 0o600) == 0)
        for (name, text) in [
            ("empty", ""), ("bare", "scout:\n"), ("words", "scout:open sesame\n"), ("other", "alice:0011\n"),
        ] {
            try text.write(toFile: "\(server.directory)/\(name)", atomically: false, encoding: .utf8)
        }
        let start = ContinuousClock.now
        for file in [fifo, server.directory, "/dev/zero", "/nonexistent"]
            + ["empty", "bare", "words", "other"].map({ "\(server.directory)/\($0)" })
        {
            let text = "nbds+unix://scout@/?socket=\(server.socket)&tls-psk-file=\(file)"
            #expect(failure { _ = try Connection(uri: NBDURI(text)) } == .unauthenticated, "\(file)")
        }
        #expect(.now - start < .seconds(5))
        #expect(
            try Connection(uri: NBDURI("nbds+unix://scout@/?socket=\(server.socket)&tls-psk-file=\(key)")).isEncrypted)
    }

    /// CVE-2019-14842: what was asked to be encrypted must not travel in the clear.
    @Test func refusesAServerWithoutTLS() throws {
        let plain = try NBDKitServer(["-r", "--tls=off", "memory", "1M"]) { _ = try NBDKitServer.writeKey($0, byte: 1) }
        let key = plain.directory + "/key"
        let uri = try NBDURI("nbds+unix://scout@/?socket=\(plain.socket)&tls-psk-file=\(key)")
        #expect(failure { _ = try Connection(uri: uri) } == .tls)
        let socket = try plain.connectedSocket()
        let kind = failure {
            _ = try Connection(socket: socket, exportName: "", security: .psk(user: "scout", keyFile: key))
        }
        #expect(kind == .tls)
    }

    @Test func plainTextIsRefusedByAServerThatRequiresTLS() throws {
        let (server, _, _) = try server()
        #expect(failure { _ = try Connection(uri: NBDURI(server.uri)) } == .tls)
    }

    @Test func aServerThatHangsUpWithoutAWordIsNotCalledATLSFailure() throws {
        var ends: [CInt] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        close(ends[1])
        let server = try NBDKitServer(["-r", "memory", "1M"]) { _ = try NBDKitServer.writeKey($0, byte: 1) }
        let security = TransportSecurity.psk(user: "scout", keyFile: server.directory + "/key")
        let kind = failure { _ = try Connection(socket: ends[0], exportName: "", security: security) }
        #expect(kind == .connect)
    }
}
