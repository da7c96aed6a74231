/// The packets after the opening one.
extension Evaluator {
    func established(_ start: Course, opening: Packet) -> Course {
        var course = start
        var extra: ConnectionStates = []
        var possible: ConnectionStates = []
        // An unchanged destination is no translation (`nf_nat_setup_info`).
        if course.isTranslated {
            switch course.changesDestination(of: opening) {
            case .yes: extra.insert(.destinationTranslated)
            case .maybe: possible.insert(.destinationTranslated)
            case .no: break
            }
        }
        switch course.sourceTranslated {
        case .yes: extra.insert(.sourceTranslated)
        case .maybe: possible.insert(.sourceTranslated)
        case .no: break
        }
        let tcp = opening.transport == TransportProtocol.tcp
        // Whoever gets a datagram is reached, whether his answer finds a way or not.
        if opening.transport == TransportProtocol.udp { return course }
        let later =
            !tcp
            ? [0] : flagsLookedAt & TCPFlags.psh != 0 ? [TCPFlags.ack, TCPFlags.ack | TCPFlags.psh] : [TCPFlags.ack]
        for flags in (tcp ? [TCPFlags.syn | TCPFlags.ack] : []) + later {
            course = answer(course, opening: opening, flags: flags, certain: extra, possible: possible)
            if course.isOver { return course }
        }
        if tcp, opening.isCrafted {
            // Of whom one kind of packet passes, he sends that.
            let ways = TCPFlags.ways(flagsLookedAt & TCPFlags.beside).map {
                follow(course, opening: opening, flags: TCPFlags.ack | $0, certain: extra, possible: possible)
            }
            return ways.first { !$0.isOver && $0.doubt == nil } ?? ways.first { !$0.isStopped } ?? ways.first ?? course
        }
        for flags in later {
            course = follow(course, opening: opening, flags: flags, certain: extra, possible: possible)
            if course.isOver { return course }
        }
        return course
    }

    /// A packet from the destination back to the one who asked.
    private func answer(
        _ start: Course, opening: Packet, flags: UInt8, certain: ConnectionStates, possible: ConnectionStates
    ) -> Course {
        var course = start
        course.leg = .answer
        let forth = course.packet
        var packet = forth
        packet.source = forth.destination
        packet.destination = opening.source
        packet.sourcePorts = forth.destinationPorts
        packet.destinationPorts = opening.sourcePorts
        packet.icmpType = rules.family == .ipv4 ? 0 : 129
        packet.isLocal = .no
        packet.firstHeaders = []
        packet.establish(flags: flags, certain: certain.union(.reply), possible: possible)
        packet.outInterface = opening.inInterface
        if forth.isLocal == .yes {
            packet.inInterface = InterfaceName("")
            course = pass(packet, .output, course)
        } else {
            switch returns(by: forth.outInterface) {
            case .yes: break
            case .no:
                course.stop("the host does not forward what comes in by \(forth.outInterface?.text ?? "there")")
            case .maybe:
                course.isWild = true
                course.note = "whether it is forwarded hangs on the interface it comes in by"
            }
            if course.isOver { return course }
            packet.inInterface = forth.outInterface
            packet.outInterface = InterfaceName("")
            var early = packet
            if course.sourceTranslated != .no {
                // Until the translation is undone the answer goes to whatever address the host lent.
                early.destination = .all(rules.family)
                early.isLocal = .maybe
                early.destinationPorts = Packet.PortRange(range: 0 ... .max)
            }
            course = pass(packet, .prerouting, course) { $0 <= Self.destinationPriority ? early : packet }
            packet.outInterface = opening.inInterface
            course = pass(packet, .forward, course)
        }
        packet.inInterface = nil
        var late = packet
        if course.isTranslated {
            late.source = opening.destination
            late.sourcePorts = opening.destinationPorts
        }
        return pass(packet, .postrouting, course) { $0 >= Self.sourcePriority ? late : packet }
    }

    /// A packet on the way of the opening one, later.
    private func follow(
        _ start: Course, opening: Packet, flags: UInt8, certain: ConnectionStates, possible: ConnectionStates
    ) -> Course {
        var course = start
        course.leg = .data
        var early = opening
        early.establish(flags: flags, certain: certain, possible: possible)
        var packet = course.packet
        packet.establish(flags: flags, certain: certain, possible: possible)
        let arriving = packet
        course = pass(arriving, .prerouting, course) { $0 <= Self.destinationPriority ? early : arriving }
        if packet.isLocal == .yes { return pass(packet, .input, course) }
        course = pass(packet, .forward, course)
        packet.inInterface = nil
        return pass(packet, .postrouting, course)
    }

    /// Runs a packet of the established connection through a hook.
    private func pass(
        _ packet: Packet, _ hook: Chain.Hook, _ start: Course, seenAt seen: ((Int) -> Packet)? = nil
    ) -> Course {
        var course = start
        for entry in entries[hook] ?? [] where !entry.base.translates && !course.isOver {
            course = filtered(course, entry, decides: false, packet: seen?(entry.base.priority) ?? packet)
        }
        return course
    }
}
