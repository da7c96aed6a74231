/// An interface's name, or the beginning of one, packed into a number so that a comparison is one instruction.
struct InterfacePattern: Hashable, Sendable {
    private var value: UInt128
    private var mask: UInt128
    /// As written: `eth0`, or `eth+`.
    let text: String

    /// - Parameter text: a name of up to 15 bytes; a final `+` stands for any rest.
    init?(_ text: String) {
        let isPrefix = text.hasSuffix("+")
        self.init(name: isPrefix ? String(text.dropLast()) : text, isPrefix: isPrefix)
    }

    /// - Parameters:
    ///   - name: a name of up to 15 bytes, in which no sign has a meaning of its own.
    ///   - isPrefix: whether any rest may follow.
    init?(name: String, isPrefix: Bool) {
        let bytes = Array(name.utf8)
        guard bytes.count <= 15 else { return nil }
        text = isPrefix ? name + "+" : name
        value = Self.pack(bytes)
        mask = isPrefix ? Self.pack([UInt8](repeating: 0xff, count: bytes.count)) : .max
    }

    /// Whether any name begins like this.
    var isPrefix: Bool { mask != .max }

    /// Whether every interface fits.
    var fitsAll: Bool { mask == 0 }

    func fits(_ name: InterfaceName) -> Bool { name.value & mask == value }

    fileprivate static func pack(_ bytes: [UInt8]) -> UInt128 {
        var value: UInt128 = 0
        for index in 0..<16 { value = value << 8 | UInt128(index < bytes.count ? bytes[index] : 0) }
        return value
    }
}

/// An interface's name, packed as ``InterfacePattern`` wants it.
struct InterfaceName: Hashable, Sendable {
    fileprivate let value: UInt128

    /// - Parameter text: what is beyond the 15 bytes the kernel allows is ignored.
    init(_ text: String) {
        value = InterfacePattern.pack(Array(text.utf8.prefix(15)))
    }

    var text: String {
        let bytes = (0..<16).map { UInt8(truncatingIfNeeded: value >> UInt128(120 - 8 * $0)) }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
