// Whether a report is one to what was asked. It decides nothing that the laptop dials or opens.

/// - Throws: `ScoutError` (`protocolViolation`) where it isn't.
private func demand(_ isTrue: Bool, _ fault: @autoclosure () -> String) throws(ScoutError) {
    guard !isTrue else { return }
    throw ScoutError(
        .protocolViolation, "the container answers what it was not asked: \(fault())",
        hint: "the toolkit there is another version, or not scout's: copy this one there")
}

extension ContainerRequest {
    /// Compares a report with what was asked.
    ///
    /// - Parameters:
    ///   - answer: the report, possible in itself.
    ///   - reservedPorts: those that a service may be leased.
    /// - Throws: `ScoutError` (`protocolViolation`) where it answers something else: another kind of report, another port, name,
    ///   source or hash.
    public func check(_ answer: some Report, reservedPorts: ClosedRange<UInt16>) throws(ScoutError) {
        switch (self, answer as any Report) {
        case (.version, is VersionReport), (.evidence, is EvidenceReport), (.forwards, is ForwardsReport): return
        case (.serve(.nbd(let request)), let lease as LeaseReport): try Self.check(lease, request, reservedPorts)
        case (.ports, let report as PortsReport): try Self.check(report, reservedPorts)
        case (.release(let selection), let report as ReleaseReport): try Self.check(report, selection, reservedPorts)
        case (.probe(let ports, _), let report as ProbeReport):
            for row in report.ports { try demand(ports.contains(row.port), "port \(row.port)") }
        case (.hash(let source, let algorithms), let report as HashReport):
            try demand(Self.isPath(report.path, of: source), "the source '\(report.path)' instead of '\(source)'")
            try demand(
                Set(report.hashes.keys) == Set(algorithms.map(\.rawValue)),
                "the hashes \(report.hashes.keys.sorted().joined(separator: ", "))")
        default: try demand(false, "\(type(of: answer).schema) to '\(verb.rawValue)'")
        }
    }

    /// Whether the path of an answer can be that of a source: evidence by its name, anything else by a path, which
    /// the container may have followed through links.
    private static func isPath(_ path: String, of source: String) -> Bool {
        guard path.hasPrefix("/") else { return false }
        return source.contains("/") || path.split(separator: "/").last.map(String.init) == source
    }

    /// A lease that was asked for just now.
    private static func check(
        _ lease: LeaseReport, _ request: NBDRequest, _ ports: ClosedRange<UInt16>
    ) throws(ScoutError) {
        let asked = request.port.map { $0...$0 } ?? ports
        try demand(asked.contains(lease.port), "port \(lease.port) instead of \(text(asked))")
        try demand(lease.service == "nbd", "a service '\(lease.service)' instead of nbd")
        if let name = request.name.map(Topology.exportName) {
            try demand(lease.name == name, "the name '\(lease.name)' instead of '\(name)'")
        }
        try demand(
            isPath(lease.source, of: request.source), "the source '\(lease.source)' instead of '\(request.source)'")
        try demand(lease.readOnly != request.writable, "an export that is \(lease.readOnly ? "" : "not ")read-only")
        try demand(lease.tls == request.tls, "TLS '\(lease.tls.rawValue)' instead of '\(request.tls.rawValue)'")
        if let allow = request.allow { try demand(Set(lease.allow) == Set(allow), "other clients are allowed") }
    }

    /// The table of the reserved ports, a row each.
    private static func check(_ report: PortsReport, _ ports: ClosedRange<UInt16>) throws(ScoutError) {
        try demand(
            report.ports.map(\.port).sorted() == Array(ports),
            "ports \(report.ports.prefix(20).map { "\($0.port)" }.joined(separator: ", ")) instead of \(text(ports))")
    }

    /// The services that were ended.
    private static func check(
        _ report: ReleaseReport, _ selection: ReleaseSelection, _ ports: ClosedRange<UInt16>
    ) throws(ScoutError) {
        for lease in report.released {
            let isMeant =
                switch selection {
                // A service may be called by a number.
                case .port(let port): lease.port == port || lease.name == "\(port)"
                case .name(let name): lease.name == name
                case .all: true
                }
            try demand(isMeant && ports.contains(lease.port), "it released port \(lease.port), '\(lease.name)'")
        }
        if selection != .all { try demand(!report.released.isEmpty, "it released nothing, and names no reason") }
    }

    private static func text(_ ports: ClosedRange<UInt16>) -> String {
        ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)–\(ports.upperBound)"
    }
}
