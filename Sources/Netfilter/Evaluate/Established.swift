/// The packets after the opening one.
extension Evaluator {
    func established(_ start: PacketPath, opening: Packet) -> PacketPath {
        var path = start
        var extra: ConnectionStates = []
        var possible: ConnectionStates = []
        // An unchanged destination is no translation (`nf_nat_setup_info`).
        if path.isTranslated {
            switch path.changesDestination(of: opening) {
            case .yes: extra.insert(.destinationTranslated)
            case .maybe: possible.insert(.destinationTranslated)
            case .no: break
            }
        }
        switch path.sourceTranslated {
        case .yes: extra.insert(.sourceTranslated)
        case .maybe: possible.insert(.sourceTranslated)
        case .no: break
        }
        let tcp = opening.transport == TransportProtocol.tcp
        // Whoever gets a datagram is reached, whether his answer finds a way or not.
        if opening.transport == TransportProtocol.udp { return path }
        let later =
            !tcp
            ? [0] : flagsLookedAt & TCPFlags.psh != 0 ? [TCPFlags.ack, TCPFlags.ack | TCPFlags.psh] : [TCPFlags.ack]
        for flags in (tcp ? [TCPFlags.syn | TCPFlags.ack] : []) + later {
            path = answer(path, opening: opening, flags: flags, certain: extra, possible: possible)
            if path.isOver { return path }
        }
        if tcp, opening.isCrafted {
            // Of whom one kind of packet passes, he sends that.
            let ways = TCPFlags.ways(flagsLookedAt & TCPFlags.beside).map {
                follow(path, opening: opening, flags: TCPFlags.ack | $0, certain: extra, possible: possible)
            }
            return ways.first { !$0.isOver && $0.uncertainRule == nil } ?? ways.first { !$0.isStopped } ?? ways.first
                ?? path
        }
        for flags in later {
            path = follow(path, opening: opening, flags: flags, certain: extra, possible: possible)
            if path.isOver { return path }
        }
        return path
    }

    /// A packet from the destination back to the one who asked.
    private func answer(
        _ start: PacketPath, opening: Packet, flags: UInt8, certain: ConnectionStates, possible: ConnectionStates
    ) -> PacketPath {
        var path = start
        path.phase = .answer
        let forth = path.packet
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
            path = pass(packet, .output, path)
        } else {
            switch returns(by: forth.outInterface) {
            case .yes: break
            case .no:
                path.stop("the host does not forward what comes in by \(forth.outInterface?.text ?? "there")")
            case .maybe:
                path.isIndeterminate = true
                path.note = "whether it is forwarded hangs on the interface it comes in by"
            }
            if path.isOver { return path }
            packet.inInterface = forth.outInterface
            packet.outInterface = InterfaceName("")
            var early = packet
            if path.sourceTranslated != .no {
                // Until the translation is undone the answer goes to whatever address the host lent.
                early.destination = .all(rules.family)
                early.isLocal = .maybe
                early.destinationPorts = Packet.PortRange(range: 0 ... .max)
            }
            path = pass(packet, .prerouting, path) { $0 <= Self.destinationPriority ? early : packet }
            packet.outInterface = opening.inInterface
            path = pass(packet, .forward, path)
        }
        packet.inInterface = nil
        var late = packet
        if path.isTranslated {
            late.source = opening.destination
            late.sourcePorts = opening.destinationPorts
        }
        return pass(packet, .postrouting, path) { $0 >= Self.sourcePriority ? late : packet }
    }

    /// A packet on the way of the opening one, later.
    private func follow(
        _ start: PacketPath, opening: Packet, flags: UInt8, certain: ConnectionStates, possible: ConnectionStates
    ) -> PacketPath {
        var path = start
        path.phase = .data
        var early = opening
        early.establish(flags: flags, certain: certain, possible: possible)
        var packet = path.packet
        packet.establish(flags: flags, certain: certain, possible: possible)
        let arriving = packet
        path = pass(arriving, .prerouting, path) { $0 <= Self.destinationPriority ? early : arriving }
        if packet.isLocal == .yes { return pass(packet, .input, path) }
        path = pass(packet, .forward, path)
        packet.inInterface = nil
        return pass(packet, .postrouting, path)
    }

    /// Runs a packet of the established connection through a hook.
    private func pass(
        _ packet: Packet, _ hook: Chain.Hook, _ start: PacketPath, seenAt seen: ((Int) -> Packet)? = nil
    ) -> PacketPath {
        var path = start
        for entry in entries[hook] ?? [] where !entry.base.translates && !path.isOver {
            path = filtered(path, entry, decides: false, packet: seen?(entry.base.priority) ?? packet)
        }
        return path
    }
}
