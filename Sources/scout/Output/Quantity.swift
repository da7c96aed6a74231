/// Sizes and times as people write them, and as they type them.
enum Quantity {
    /// `64.0 MiB`; bytes in a pipe.
    ///
    /// - Parameters:
    ///   - bytes: the size.
    ///   - style: with a unit for people, else the plain number.
    static func size(_ bytes: Int64, style: TextStyle = .human) -> String {
        guard style == .human else { return String(bytes) }
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB"]
        var value = Double(bytes)
        var unit = "B"
        for next in units where value >= 1024 {
            value /= 1024
            unit = next
        }
        return unit == "B" ? "\(bytes) B" : "\(tenths(value)) \(unit)"
    }

    /// One digit after the point.
    static func tenths(_ value: Double) -> String {
        guard let scaled = Int64(exactly: (value * 10).rounded()) else { return "–" }
        return "\(scaled / 10).\(scaled % 10)"
    }

    /// `1:02:03`, or `2:03`.
    static func clock(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e7 else { return "–" }
        let whole = Int(seconds.rounded())
        let two = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
        let rest = "\(two(whole % 60))"
        return whole >= 3600
            ? "\(whole / 3600):\(two(whole / 60 % 60)):\(rest)" : "\(whole / 60):\(rest)"
    }

    /// Reads `90`, `30s`, `10m`, `2h` or `1d`.
    static func duration(_ text: String) -> Duration? {
        let factors: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
        let factor = text.last.flatMap { factors[$0] }
        guard let number = Int64(factor == nil ? text[...] : text.dropLast()), number > 0,
            case (let seconds, false) = number.multipliedReportingOverflow(by: factor ?? 1)
        else { return nil }
        return .seconds(seconds)
    }

    /// Reads a number of bytes: `4096`, `64K`, `1M`, `2G` or `1T`, in powers of 1024.
    static func bytes(_ text: String) -> Int64? {
        let shifts: [Character: Int64] = ["k": 10, "m": 20, "g": 30, "t": 40]
        let shift = text.last.flatMap { shifts[Character($0.lowercased())] }
        guard let number = Int64(shift == nil ? text[...] : text.dropLast()), number >= 0,
            case (let bytes, false) = number.multipliedReportingOverflow(by: 1 << (shift ?? 0))
        else { return nil }
        return bytes
    }
}
