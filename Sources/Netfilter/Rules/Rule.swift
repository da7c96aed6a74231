/// One rule, with the text it was read from.
struct Rule: Sendable {
    /// Exactly as listed, without counters.
    var text: String
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    var conditions: [Condition] = []
    var target = RuleTarget.continues
    /// Whether iptables-nft-save can't say it; known of rules that nft listed.
    var notExpressibleByIPTables = false

    /// The one protocol it can match; 0 is any.
    var onlyTransport: UInt8 {
        for condition in conditions where !condition.negated {
            if case .transport(let numbers) = condition.test, numbers.count == 1 { return numbers[0] }
        }
        return 0
    }

    /// What leaves it open whether it matches, where that has a name: `limit`.
    var variation: String? {
        for case .varying(let name) in conditions.lazy.map(\.test) { return name }
        return nil
    }

    /// The destination ports it can match at all.
    var portHull: PortHull {
        var hull = PortHull()
        for condition in conditions where !condition.negated {
            guard case .destinationPorts(let ports) = condition.test, let first = ports.ranges.first,
                let last = ports.ranges.last
            else { continue }
            hull.low = max(hull.low, first.lowerBound)
            hull.high = min(hull.high, last.upperBound)
        }
        return hull
    }

    /// The addresses it can match at all.
    var addressHull: AddressHull {
        var hull = AddressHull()
        for condition in conditions where !condition.negated {
            switch condition.test {
            case .source(let addresses): hull.source = addresses.hull ?? hull.source
            case .destination(let addresses): hull.destination = addresses.hull ?? hull.destination
            default: break
            }
        }
        return hull
    }
}

/// One test of a rule, possibly negated.
struct Condition: Sendable {
    var negated = false
    var test: Test

    enum Test: Sendable {
        /// The interface has one of these names.
        case inInterface([InterfacePattern])
        case outInterface([InterfacePattern])
        case source(AddressSet)
        case destination(AddressSet)
        /// Whether the destination is an address of this host.
        case destinationIsLocal
        case transport([UInt8])
        /// What IPv6's own header names as the next one, which is not the transport where other headers come between.
        case firstHeader([UInt8])
        case sourcePorts(PortSet)
        case destinationPorts(PortSet)
        case anyPorts(PortSet)
        /// Of the byte of a TCP header's flags.
        case tcpFlags(BitTest)
        /// The connection is in one of these states, or was translated so.
        case states(ConnectionStates)
        /// Of what the kernel notes of a connection (`enum ip_conntrack_status`); never holds without one, negated or not.
        case status(BitTest, negated: Bool)
        case icmp(types: ClosedRange<UInt8>, codes: ClosedRange<UInt8>)
        /// A later fragment of a datagram; a packet that opens a connection never is one.
        case fragment
        /// What hangs on the time, or on packets that came before; with the name of it.
        case varying(String)
        case notUnderstood
    }
}

/// What a rule does with a packet it matches.
enum RuleTarget: Sendable {
    case accept
    case drop
    case reject
    case leave
    case jump(Int)
    case goTo(Int)
    case translateDestination(AddressSet?, ports: ClosedRange<UInt16>?)
    case redirect(ports: ClosedRange<UInt16>?)
    case translateSource
    /// Logs, marks, counts, or nothing at all.
    case continues
    case notUnderstood
}
