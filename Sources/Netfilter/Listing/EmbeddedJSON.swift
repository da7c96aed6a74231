/// A listing of nft's in JSON that stands among other text, taken from its first brace to the one that closes it.
struct EmbeddedJSON {
    private(set) var bytes: [UInt8] = []
    private var depth = 0
    private var isInside = false
    private var isEscaped = false

    /// - Parameter isSplit: whether its first brace stood alone on the line above.
    init(isSplit: Bool) {
        if isSplit {
            bytes = [UInt8(ascii: "{")]
            depth = 1
        }
    }

    var isOpen: Bool { bytes.isEmpty || depth > 0 }

    /// Where one begins in a line: `{"nftables": …`, with the brace perhaps alone on the line before.
    static func start(_ line: ArraySlice<UInt8>, after last: String) -> (index: Int, isSplit: Bool)? {
        let word = Array("\"nftables\"".utf8)
        guard line.count >= word.count, line.contains(UInt8(ascii: "\"")) else { return nil }
        for index in line.startIndex...(line.endIndex - word.count)
        where line[index] == word[0] && line[index...].starts(with: word) {
            let before = line[..<index].last { $0 != 32 && $0 != 9 }
            if before == UInt8(ascii: "{") { return (line[..<index].lastIndex(of: UInt8(ascii: "{")) ?? index, false) }
            if before == nil, last == "{" { return (index, true) }
        }
        return nil
    }

    /// Takes a line up to the brace that closes the listing; a line's end within a text was a space.
    ///
    /// - Returns: what stands behind that brace.
    mutating func append(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        for index in line.indices {
            let byte = line[index]
            bytes.append(byte)
            if isEscaped {
                isEscaped = false
            } else if isInside {
                if byte == UInt8(ascii: "\\") { isEscaped = true }
                if byte == UInt8(ascii: "\"") { isInside = false }
            } else if byte == UInt8(ascii: "\"") {
                isInside = true
            } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                depth += 1
            } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                depth -= 1
                if depth == 0 { return line[(index + 1)...].drop { $0 == 32 || $0 == 9 } }
            }
        }
        bytes.append(isInside ? 32 : 10)
        return []
    }
}
