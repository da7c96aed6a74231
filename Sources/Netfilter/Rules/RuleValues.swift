import Platform

/// The bits of a TCP header's flags (RFC 9293, section 3.1).
enum TCPFlags {
    static let fin: UInt8 = 1
    static let syn: UInt8 = 2
    static let rst: UInt8 = 4
    static let psh: UInt8 = 8
    static let ack: UInt8 = 16
    static let urg: UInt8 = 32
    /// Those of congestion (RFC 3168), which iptables has no words for.
    static let ece: UInt8 = 64
    static let cwr: UInt8 = 128
    /// What may be set beside SYN: the kernel still takes the packet for one that opens a connection (`tcp_valid_flags` of
    /// nf_conntrack_proto_tcp.c, `tcp_rcv_state_process`).
    static let beside = psh | urg | ece | cwr
    /// What `--syn` looks at.
    static let opening = fin | syn | rst | ack

    /// The bit of a word of nft's `tcp flags`.
    static func bit(_ word: String) -> UInt32? {
        let words = ["fin": fin, "syn": syn, "rst": rst, "psh": psh, "ack": ack, "urg": urg, "ecn": ece, "cwr": cwr]
        return words[word].map { UInt32($0) }
    }

    /// The words of the bits that are set, as nft has them.
    static func words(_ flags: UInt8) -> String {
        ["fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"].enumerated()
            .filter { flags & 1 << UInt8($0.offset) != 0 }.map(\.element).joined(separator: ", ")
    }

    /// Each way to set some of these bits, or none, which is the first.
    static func ways(_ bits: UInt8) -> [UInt8] { (0...bits).filter { $0 & ~bits == 0 } }

    /// Reads `FIN,SYN`, `ALL` or `NONE`.
    static func named(_ text: String) -> UInt8? {
        var flags: UInt8 = 0
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            switch word.uppercased() {
            case "FIN": flags |= fin
            case "SYN": flags |= syn
            case "RST": flags |= rst
            case "PSH": flags |= psh
            case "ACK": flags |= ack
            case "URG": flags |= urg
            case "ALL": flags |= 0x3f
            case "NONE": break
            default: return nil
            }
        }
        return flags
    }
}

/// The numbers of transport protocols (IANA, Protocol Numbers).
enum TransportProtocol {
    static let icmp: UInt8 = 1
    static let tcp: UInt8 = 6
    static let udp: UInt8 = 17
    static let icmp6: UInt8 = 58

    /// Reads a number, or a name as `iptables-save` writes it.
    static func number(_ text: String) -> UInt8? {
        switch text {
        case "tcp": tcp
        case "udp": udp
        case "icmp": icmp
        case "icmpv6", "ipv6-icmp", "icmp6": icmp6
        case "igmp": 2
        case "gre": 47
        case "esp": 50
        case "ah": 51
        case "sctp": 132
        case "udplite": 136
        default: UInt8(text)
        }
    }
}

/// Reads the values of options; each returns `nil` for what it does not understand.
enum RuleValues {
    /// `10.0.0.0/8`, `10.0.0.0/255.0.0.0` or an address.
    static func network(_ text: String) -> CIDR? {
        if let network = CIDR(text) { return network }
        let parts = text.split(separator: "/")
        guard parts.count == 2, let mask = IPAddress(String(parts[1])), mask.family == .ipv4 else { return nil }
        let length = (~UInt32(truncatingIfNeeded: mask.number)).leadingZeroBitCount
        guard UInt64(mask.number) == 0xffff_ffff & (0xffff_ffff << UInt64(32 - length)) else { return nil }
        return CIDR("\(parts[0])/\(length)")
    }

    /// `10.0.0.1-10.0.0.9`, or an address.
    static func range(_ text: String, family: RuleSet.Family) -> AddressSet? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { IPAddress(String($0)) }
        guard let first = ends.first.flatMap({ $0 }), let last = ends.last.flatMap({ $0 }), ends.count <= 2,
            first.family == family, last.family == family, first.number <= last.number
        else { return nil }
        return AddressSet([first.number...last.number])
    }

    /// `22`, `2000:2009`, or a list of them.
    static func ports(_ text: String) -> PortSet? {
        var ranges: [ClosedRange<UInt16>] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let range = portRange(String(word), separator: ":") else { return nil }
            ranges.append(range)
        }
        return PortSet(ranges)
    }

    /// `22` or `2000-2009`; a missing end is the lowest or the highest port.
    static func portRange(_ text: String, separator: Character) -> ClosedRange<UInt16>? {
        let ends = text.split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false)
        if ends.count == 1 { return UInt16(text).map { $0...$0 } }
        guard let low = ends[0].isEmpty ? 0 : UInt16(ends[0]), let high = ends[1].isEmpty ? .max : UInt16(ends[1]),
            low <= high
        else { return nil }
        return low...high
    }

    /// `8`, `3/1`, `any`, or the names of an echo.
    static func icmp(_ text: String, family: RuleSet.Family) -> Condition.Test? {
        let v4 = family == .ipv4
        switch text {
        case "any", v4 ? "255" : "any": return .icmp(types: 0...255, codes: 0...255)
        case "echo-request": return .icmp(types: v4 ? 8...8 : 128...128, codes: 0...255)
        case "echo-reply": return .icmp(types: v4 ? 0...0 : 129...129, codes: 0...255)
        default: break
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { UInt8($0) }
        guard let type = parts[0] else { return nil }
        if parts.count == 1 { return .icmp(types: type...type, codes: 0...255) }
        guard parts.count == 2, let code = parts[1] else { return nil }
        return .icmp(types: type...type, codes: code...code)
    }

    /// What `--to-destination` takes: `10.0.3.2:22`, `10.0.3.2-10.0.3.4`, `:22`, `[fd00::1]:22-25/22`.
    static func translation(
        _ text: String, family: RuleSet.Family
    ) -> (addresses: AddressSet?, ports: ClosedRange<UInt16>?)? {
        var address = text[...]
        var ports: ClosedRange<UInt16>?
        let colon: Substring.Index? =
            if family == .ipv4 || text.hasPrefix(":") && !text.hasPrefix("::") {
                text.lastIndex(of: ":")
            } else {
                text.lastIndex(of: "]").map { text.index(after: $0) }.flatMap {
                    $0 < text.endIndex && text[$0] == ":" ? $0 : nil
                }
            }
        if let colon {
            address = text[..<colon]
            // Behind the slash stands the base of a shifted range; the range itself bounds the result.
            let range = text[text.index(after: colon)...].prefix { $0 != "/" }
            guard let found = portRange(String(range), separator: "-") else { return nil }
            ports = found
        }
        address = address.filter { $0 != "[" && $0 != "]" }[...]
        if address.isEmpty { return ports.map { (nil, $0) } }
        return range(String(address), family: family).map { ($0, ports) }
    }
}
