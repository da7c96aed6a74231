import Glibc
import Platform

/// A pre-shared key of TLS.
public struct PresharedKey: Sendable {
    /// The user whose key it is.
    public let user: String
    /// 64 hexadecimal digits.
    public let digits: String

    /// Makes a fresh one, of 256 bits that the system's generator gives.
    public init(user: String) {
        var generator = SystemRandomNumberGenerator()
        self.user = user
        digits = (0..<32).map { _ in UInt8.random(in: 0 ... .max, using: &generator) }.hexadecimal
    }

    /// Takes one that somebody else has made.
    ///
    /// - Returns: `nil` where it is not 64 hexadecimal digits.
    public init?(user: String, digits: String) {
        guard digits.utf8.count == 64, digits.utf8.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else {
            return nil
        }
        self.user = user
        self.digits = digits
    }

    /// What a key file holds, as GnuTLS, nbdkit and libnbd read it: a line `USER:HEX`.
    public var fileText: String { "\(user):\(digits)\n" }
}

/// A file of pre-shared keys as GnuTLS and libnbd read it: lines of `USER:HEX`.
enum PresharedKeyFile {
    private static let limit = 1 << 20

    /// Looks at a key file before libnbd does: that would wait for ever for a FIFO, in the middle of the handshake, and
    /// take an empty key for a key.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - user: whose key is needed; `nil` where libnbd takes the name of the user who runs this.
    /// - Throws: `NBDError` (`unauthenticated`) where it is no regular file, cannot be read, or has no key of that user.
    static func check(_ path: String, user: String?) throws(NBDError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw failure(path, errno, "cannot be read: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else {
            throw failure(path, EINVAL, "is not a small regular file")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count == bytes.count else { throw failure(path, EIO, "cannot be read") }
        let keys = bytes.split(separator: UInt8(ascii: "\n")).compactMap { line -> ArraySlice<UInt8>? in
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            guard let user else { return line[(colon + 1)...] }
            return line[..<colon].elementsEqual(user.utf8) ? line[(colon + 1)...] : nil
        }
        guard keys.contains(where: isKey) else {
            throw failure(path, EINVAL, "has no key\(user.map { " of the user '\($0)'" } ?? "") (a line USER:HEX)")
        }
    }

    private static func isKey(_ digits: ArraySlice<UInt8>) -> Bool {
        let digits = digits.last == UInt8(ascii: "\r") ? digits.dropLast() : digits
        return !digits.isEmpty && digits.allSatisfy { Character(UnicodeScalar($0)).isHexDigit }
    }

    private static func failure(_ path: String, _ code: CInt, _ what: String) -> NBDError {
        NBDError(.unauthenticated, "read the key", code: code, "the key file \(path) \(what)")
    }
}
