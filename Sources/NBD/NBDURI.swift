import Glibc

/// An NBD URI of the schemes `nbd`, `nbds`, `nbd+unix` and `nbds+unix`, taken apart.
///
/// The grammar is narrower than libnbd's: what this type reads, libnbd reads the same way, so that a host which was
/// permitted is the host that is dialled. The specification is `doc/uri.md` of the NBD project.
public struct NBDURI: Hashable, Sendable {
    /// Where the server listens.
    public enum Transport: Hashable, Sendable {
        /// A host (name or numeric, without brackets) and a TCP port, 10809 by default.
        case tcp(host: String, port: UInt16)
        /// The path of a Unix domain socket.
        case unix(path: String)
    }

    /// The text as given. It may name a key file, never a key.
    public let text: String
    /// Where the server listens.
    public let transport: Transport
    /// Whether TLS is required: the scheme is `nbds` or `nbds+unix`.
    public let requiresTLS: Bool
    /// The user name for TLS, `nil` where none is given.
    public let user: String?
    /// The file that holds the pre-shared key, `nil` where none is named.
    public let pskFile: String?
    /// The export's name, empty for the default export.
    public let exportName: String

    /// Reads a URI.
    ///
    /// - Parameter text: for example `nbds://scout@127.0.0.1:2000/evidence0?tls-psk-file=/run/k`.
    /// - Throws: `NBDError` (`usage`) that says what is wrong.
    public init(_ text: String) throws(NBDError) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), !text.contains("\\"), !text.contains("#") else {
            throw Self.malformed(text, "a character that a URI cannot hold")
        }
        guard let mark = text.firstRange(of: "://") else { throw Self.malformed(text, "no scheme") }
        var rest = text[mark.upperBound...]
        let isUnix: Bool
        switch text[..<mark.lowerBound] {
        case "nbd": (isUnix, requiresTLS) = (false, false)
        case "nbds": (isUnix, requiresTLS) = (false, true)
        case "nbd+unix": (isUnix, requiresTLS) = (true, false)
        case "nbds+unix": (isUnix, requiresTLS) = (true, true)
        default: throw Self.malformed(text, "a scheme other than nbd, nbds, nbd+unix, nbds+unix")
        }
        let query = try Self.query(rest.firstIndex(of: "?").map { rest[rest.index(after: $0)...] } ?? "", of: text)
        rest = rest.prefix { $0 != "?" }

        let authority = rest.prefix { $0 != "/" }
        exportName = try Self.decode(rest.dropFirst(authority.count + 1), of: text)
        let halves = authority.split(separator: "@", omittingEmptySubsequences: false)
        guard halves.count <= 2, let place = halves.last else { throw Self.malformed(text, "more than one '@'") }
        user = halves.count == 2 ? try Self.decode(halves[0], of: text) : nil
        pskFile = query["tls-psk-file"]
        self.text = text

        if isUnix {
            guard let path = query["socket"], !path.isEmpty, place.isEmpty else {
                throw Self.malformed(text, "a host, or no ?socket=PATH")
            }
            transport = .unix(path: path)
        } else {
            guard query["socket"] == nil else { throw Self.malformed(text, "a socket beside a host") }
            transport = try Self.tcp(place, of: text)
        }
    }

    /// The URI without its query, safe to show and to record.
    public var withoutQuery: String {
        switch transport {
        case .tcp: String(text.prefix { $0 != "?" })
        case .unix(let path): String(text.prefix { $0 != "?" }) + "?socket=" + path
        }
    }

    private static func tcp(_ place: Substring, of text: String) throws(NBDError) -> Transport {
        var host: Substring
        let tail: Substring
        var zone = ""
        if place.first == "[" {
            guard let end = place.firstIndex(of: "]") else { throw malformed(text, "an unclosed '['") }
            host = place[place.index(after: place.startIndex)..<end]
            tail = place[place.index(after: end)...]
            let address = host.prefix { $0 != "%" }
            guard address.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else {
                throw malformed(text, "no IPv6 address in brackets")
            }
            zone = try Self.zone(host.dropFirst(address.count), of: text)
            host = address
        } else {
            host = place.prefix { $0 != ":" }
            tail = place.dropFirst(host.count)
            guard host.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "." || $0 == "-" || $0 == "_" }) else {
                throw malformed(text, "a host name with unusual characters")
            }
        }
        guard !host.isEmpty else { throw malformed(text, "no host") }
        if tail.isEmpty { return .tcp(host: host + zone, port: 10809) }
        guard tail.first == ":", tail.dropFirst().allSatisfy(\.isNumber), let port = UInt16(tail.dropFirst()), port > 0
        else { throw malformed(text, "no port number after the host") }
        return .tcp(host: host + zone, port: port)
    }

    /// The zone behind an address in brackets, `%25eth0` in a URI (RFC 6874) and `%eth0` for the system.
    private static func zone(_ part: Substring, of text: String) throws(NBDError) -> String {
        if part.isEmpty { return "" }
        let name = part.dropFirst(3)
        guard part.hasPrefix("%25"), !name.isEmpty,
            name.allSatisfy({ $0.isLetter || $0.isNumber || "._-".contains($0) })
        else { throw malformed(text, "a zone that is not written as %25 and the interface's name") }
        return "%" + name
    }

    private static func query(_ text: Substring, of uri: String) throws(NBDError) -> [String: String] {
        var values: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard parts.count == 2, ["socket", "tls-psk-file"].contains(name), !pair.contains(";"),
                values[name] == nil
            else {
                throw malformed(uri, "a parameter other than one socket and one tls-psk-file")
            }
            values[name] = try decode(parts[1], of: uri)
        }
        return values
    }

    private static func decode(_ text: Substring, of uri: String) throws(NBDError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let digits = String(rest.prefix(2)), let value = UInt8(digits, radix: 16), value != 0
            else { throw malformed(uri, "a broken percent escape") }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw malformed(uri, "text that is not UTF-8")
        }
        return decoded
    }

    private static func malformed(_ text: String, _ what: String) -> NBDError {
        NBDError(.usage, "read the URI", code: EINVAL, "'\(text)' holds \(what)")
    }
}
