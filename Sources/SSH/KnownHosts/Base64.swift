/// Base64 (RFC 4648) as OpenSSH reads and writes it.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let pad = UInt8(ascii: "=")

    /// Encodes with padding.
    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let piece = bytes[start..<min(start + 3, bytes.count)]
            let word = (0..<3).reduce(UInt32(0)) { $0 << 8 | ($1 < piece.count ? UInt32(piece[start + $1]) : 0) }
            for index in 0..<4 {
                text.append(index <= piece.count ? alphabet[Int(word >> UInt32(18 - 6 * index) & 63)] : pad)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Decodes as `b64_pton` does: white space counts for nothing, padding must be there, and stray bits must be zero.
    ///
    /// - Returns: `nil` where the text is not base64.
    static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        // What isspace(3) takes: tab, newline, vertical tab, form feed, carriage return, space.
        var rest = text.filter { !(9...13).contains($0) && $0 != 32 }[...]
        let padding = rest.reversed().prefix { $0 == pad }.count
        rest = rest.dropLast(padding)
        guard padding <= 2, (rest.count + padding) % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for character in rest {
            guard let value = value(character) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
                bits &= 1 << UInt32(count) - 1
            }
        }
        return bits == 0 ? bytes : nil
    }

    private static func value(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character) + 4
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
