import Foundation
import Glibc
import Testing

@testable import SSH

/// known_hosts files made at random, judged by this toolkit and by the machine's own `ssh`.
///
/// `ssh` talks to a real sshd over a pipe (`sshd -i`), so that host and port may be any.
@Suite(.timeLimit(.minutes(5))) struct KnownHostsTableTests {
    private enum Verdict: String { case accepted, unknown, changed, revoked }

    private struct Case {
        let host: String
        let port: UInt16
        /// Which of the server's keys it has.
        let keys: [PublicKey.Kind]
        let text: String
    }

    private static let hosts: [(String, UInt16)] = [
        ("127.1.2.3", 22), ("127.1.2.3", 2222), ("scout.example", 22), ("Scout_7.Example", 2022), ("0::1", 22),
        ("::1", 2022), ("127.1.2", 22),
    ]
    private static let allKinds: [PublicKey.Kind] = [.ed25519, .ecdsa256, .rsa]

    @Test func verdictIsThatOfSSHItself() async throws {
        let directory = try OpenSSHServer.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        if geteuid() == 0 { mkdir("/run/sshd", 0o755) }
        let material = try Material(directory)
        var random = Splitmix(seed: 20_261_125)
        let cases = (0..<500).map { _ in Self.makeCase(material, &random) }
        let verdicts = try Self.askSSH(cases, directory)

        var counts: [Verdict: Int] = [:]
        for (index, item) in cases.enumerated() {
            let file = "\(directory)/\(index).hosts"
            let known = KnownHosts(own: file, others: [])
            let offered = try known.algorithms(host: item.host, port: item.port)
            let kind = try #require(offered.compactMap { PublicKey.Kind(name: $0) }.first(where: item.keys.contains))
            let key = try #require(material.own[kind])
            let status = try known.status(of: key, host: item.host, port: item.port)
            let ours = Self.verdict(status)
            #expect(ours == verdicts[index], "case \(index), \(item.host) port \(item.port), \(kind):\n\(item.text)")
            counts[ours, default: 0] += 1
        }
        // A table in which one verdict hardly occurs would prove little.
        for verdict in [Verdict.accepted, .unknown, .changed, .revoked] { #expect(counts[verdict, default: 0] > 15) }
        try await Self.connect(cases, directory, material)
    }

    /// Some of the cases over a real connection, so that what is asked for is what the server shows.
    private static func connect(_ cases: [Case], _ directory: String, _ material: Material) async throws {
        let more = ["HostKey \(directory)/host-ecdsa", "HostKey \(directory)/host-rsa"]
        try await OpenSSHServer.with(.init(configuration: ["HostKey \(directory)/host-ed25519"] + more)) { server in
            for (index, item) in cases.enumerated() where index % 25 == 0 && item.keys == allKinds {
                let known = KnownHosts(own: "/nonexistent", others: ["\(directory)/\(index).hosts"])
                let session = try await Session.connect(
                    socket: server.dial(), host: item.host, port: item.port, user: "root", knownHosts: known,
                    deadline: .seconds(20))
                let offered = try known.algorithms(host: item.host, port: item.port)
                let first = offered.compactMap { PublicKey.Kind(name: $0) }.first(where: item.keys.contains)
                #expect(try await session.hostKey().type == first?.rawValue)
                let key = try #require(first.flatMap { material.own[$0] })
                let expected = try known.status(of: key, host: item.host, port: item.port)
                #expect(try await session.hostKeyStatus() == expected)
                await session.close()
            }
        }
    }

    private static func verdict(_ status: HostKeyStatus) -> Verdict {
        switch status {
        case .known: .accepted
        case .unknown: .unknown
        case .changed, .otherType: .changed
        case .revoked: .revoked
        }
    }

    private static func askSSH(_ cases: [Case], _ directory: String) throws -> [Verdict?] {
        var lines = ""
        for (index, item) in cases.enumerated() {
            try Data(item.text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(index).hosts"))
            lines += "\(index) \(item.port) \(item.keys.count) \(item.host)\n"
        }
        for (count, names) in [(3, ["ed25519", "ecdsa", "rsa"]), (2, ["ecdsa", "rsa"])] {
            let keys = names.map { "HostKey \(directory)/host-\($0)\n" }.joined()
            try "\(keys)UsePAM no\nStrictModes no\nPidFile none\n"
                .write(toFile: "\(directory)/config\(count)", atomically: true, encoding: .utf8)
        }
        let script = """
            ssh -F /dev/null -o UserKnownHostsFile="$0/$1.hosts" -o GlobalKnownHostsFile=/dev/null \
            -o StrictHostKeyChecking=yes -o BatchMode=yes -o PreferredAuthentications=none -o IdentityAgent=none \
            -o KexAlgorithms=curve25519-sha256 -o ProxyCommand="/usr/sbin/sshd -i -f $0/config$3" \
            -p "$2" -l root "$4" true < /dev/null > /dev/null 2> "$0/$1.err" || true
            """
        try OpenSSHServer.run("xargs", "-P", "2", "-L", "1", "sh", "-c", script, directory, input: lines)
        return try cases.indices.map { index in
            let said = try String(contentsOfFile: "\(directory)/\(index).err", encoding: .utf8)
            if said.contains("REVOKED HOST KEY") { return .revoked }
            if said.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") { return .changed }
            if said.contains("host key is known for") { return .unknown }
            if said.contains("Permission denied") { return .accepted }
            Issue.record("ssh says \(said)")
            return nil
        }
    }

    // MARK: Random files

    /// Keys, and names hashed by `ssh-keygen`.
    private struct Material {
        var own: [PublicKey.Kind: PublicKey] = [:]
        /// "type base64" of keys, of the server's and of others.
        var ownTexts: [String] = []
        var strangers: [String] = []
        /// What is no key, or no whole one.
        var broken: [String] = []
        var hashed: [String: String] = [:]

        init(_ directory: String) throws {
            func make(_ type: String, _ name: String, _ bits: String = "") throws -> String {
                let path = "\(directory)/\(name)-\(type)"
                let size = bits.isEmpty ? [] : ["-b", bits]
                try OpenSSHServer.runAll(["ssh-keygen", "-q", "-t", type, "-N", "", "-f", path] + size)
                let words = try String(contentsOfFile: path + ".pub", encoding: .utf8).split(separator: " ")
                return "\(words[0]) \(words[1])"
            }
            for (type, kind, bits) in [
                ("ed25519", PublicKey.Kind.ed25519, ""), ("ecdsa", .ecdsa256, ""), ("rsa", .rsa, "2048"),
            ] {
                let text = try make(type, "host", bits)
                let blob = try #require(Data(base64Encoded: String(text.split(separator: " ")[1])))
                let key: PublicKey = try #require(PublicKey([UInt8](blob)))
                own[kind] = key
                ownTexts.append(text)
                strangers.append(try make(type, "other", bits))
            }
            strangers.append(try make("ecdsa", "large", "384"))
            if try OpenSSHServer.run("ssh", "-Q", "key").contains("ssh-dss\n") {
                strangers.append(try make("dsa", "old"))
            }
            try OpenSSHServer.run(
                "ssh-keygen", "-q", "-s", "\(directory)/other-ed25519", "-I", "x", "-h", "-n", "host",
                "\(directory)/host-ed25519.pub")
            let certificate = try String(contentsOfFile: "\(directory)/host-ed25519-cert.pub", encoding: .utf8)
            strangers.append(certificate.split(separator: " ").prefix(2).joined(separator: " "))

            let (ed25519, ecdsa, rsa) = (ownTexts[0], ownTexts[1], ownTexts[2])
            ownTexts.append(rsa.replacingOccurrences(of: "ssh-rsa", with: "rsa-sha2-512"))
            func body(_ text: String) -> Substring { text.split(separator: " ")[1] }
            var point = Array(body(ecdsa))
            point[100] = point[100] == "A" ? "B" : "A"
            broken = [
                "1024 35 123456789", "ssh-unheard-of \(body(ed25519))", "ssh-rsa \(body(ed25519))", "ssh-ed25519",
                "ssh-ed25519 \(body(ed25519).dropLast())", "ssh-ed25519 \(body(ed25519).dropLast(4))",
                "ssh-ed25519 \(body(ed25519))AAAA", "ssh-ed25519 # no key", "ssh-rsa \(body(rsa).dropLast(40))=",
                "ecdsa-sha2-nistp256 \(String(point))", "ecdsa-sha2-nistp384 \(body(ecdsa))",
                "SSH-ED25519 \(body(ed25519))", "ssh-rsa \(body(rsa).dropLast(7))*******", "\"\(ed25519)\"",
            ]
            let names = KnownHostsTableTests.hosts.flatMap { KnownHostsTableTests.names(of: $0.0, $0.1) }
            let plain = "\(directory)/names"
            try names.map { "\($0) \(ed25519)\n" }.joined().write(toFile: plain, atomically: true, encoding: .utf8)
            try OpenSSHServer.run("ssh-keygen", "-q", "-H", "-f", plain)
            let fields = try String(contentsOfFile: plain, encoding: .utf8).split(separator: "\n").map {
                String($0.prefix { $0 != " " })
            }
            for (name, field) in zip(names, fields) { hashed[name] = field }
        }
    }

    private static func names(of host: String, _ port: UInt16) -> [String] {
        let bare = ["0::1": "::1", "127.1.2": "127.1.0.2"][host] ?? host.lowercased()
        return [bare, "[\(bare)]:\(port)", "[\(bare)]:22", "[\(bare)]:2222"]
    }

    private static func makeCase(_ material: Material, _ random: inout Splitmix) -> Case {
        let (host, port) = random.pick(hosts)
        let names = names(of: host, port)
        let right = port == 22 ? names[0] : names[1]
        var text = random.chance(10) ? "# comment\n\n \t\n" : ""
        for _ in 0..<random.number(1...5) {
            // A tab after a marker, and a space behind it, is read otherwise by OpenSSH: KnownHostsLine says why.
            let hasMarker = random.chance(25)
            let marker = random.pick([
                "@revoked", "@revoked", "@cert-authority", "@unheard-of", "@revoked @cert-authority",
            ])
            let blank = random.pick([" ", " ", "\t", "  ", " \t "])
            let first = random.pick([" ", "  ", " \t"])
            let isTabbed = random.chance(20) && !marker.contains(" ")
            let hosts = random.chance(45) ? right : random.pick(fields(names, right, material, &random))
            let key = random.pick(
                random.chance(45) ? material.ownTexts : random.chance(60) ? material.strangers : material.broken)
            var line = random.chance(10) ? blank : ""
            if hasMarker { line += marker + first }
            line += hosts + blank + key + (random.chance(30) ? blank + "root@scout" : "")
            if isTabbed { line = line.split { $0 == " " || $0 == "\t" }.joined(separator: "\t") }
            text += line + random.pick(["\n", "\n", "\r\n"])
        }
        if random.chance(20) { text = String(text.dropLast()) }
        return Case(host: host, port: port, keys: random.chance(75) ? allKinds : [.ecdsa256, .rsa], text: text)
    }

    /// First fields that name the host, or nearly.
    private static func fields(
        _ names: [String], _ right: String, _ material: Material, _ random: inout Splitmix
    ) -> [String] {
        let stars = String(right.dropLast(2)) + random.pick(["*", "??", "?", "*?", "**", "*x"])
        return names + names.compactMap { material.hashed[$0] } + [
            "*", stars, "!\(right),*", "*,!\(right)", "\(right),!\(stars)", "!\(right)", "other,\(right)",
            "other.example",
            right.uppercased(), "\(right),", ",", "*,", "!!\(right),*", "[*]:*",
            "[\(names[0])]:\(random.pick(["*", "2*"]))",
            (material.hashed[right] ?? "") + "x", "|1|AAAA|\(right)",
            "|2|" + (material.hashed[right] ?? "").dropFirst(3),
            (material.hashed[right] ?? "") + "," + right, String(repeating: "x", count: 1100) + "," + right,
            right + "," + String(repeating: "x", count: 1100), String(repeating: "x", count: 900) + ",*",
        ]
    }
}

/// A small generator that gives the same numbers everywhere.
private struct Splitmix: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
    mutating func chance(_ percent: Int) -> Bool { number(1...100) <= percent }
    mutating func pick<Value>(_ values: [Value]) -> Value { values[number(0...values.count - 1)] }
}
