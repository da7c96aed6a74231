import Core
import Platform

/// Whether an answer of the container is one to what it was asked. It decides nothing that the laptop dials or opens.
enum RemoteChecks {
    /// - Throws: `ScoutError` (`protocolViolation`).
    static func demand(_ isTrue: Bool, _ fault: @autoclosure () -> String) throws(ScoutError) {
        guard !isTrue else { return }
        throw ScoutError(
            .protocolViolation, "the container answers what it was not asked: \(fault())",
            hint: "the toolkit there is another version, or not scout's: copy this one there")
    }

    /// Whether the path of an answer can be that of a source: evidence by its name, anything else by a path, which
    /// the container may have followed through links.
    static func path(_ path: String, isOf source: String) -> Bool {
        guard path.hasPrefix("/") else { return false }
        return source.contains("/") || path.split(separator: "/").last.map(String.init) == source
    }

    /// A lease that was asked for just now.
    static func lease(_ lease: LeaseReport, for request: NBDRequest, ports: ClosedRange<UInt16>) throws(ScoutError) {
        let asked = request.port.map { $0...$0 } ?? ports
        try demand(asked.contains(lease.port), "port \(lease.port) instead of \(text(asked))")
        try demand(lease.service == "nbd", "a service '\(lease.service)' instead of nbd")
        if let name = request.name.map(Topology.exportName) {
            try demand(lease.name == name, "the name '\(lease.name)' instead of '\(name)'")
        }
        try demand(
            path(lease.source, isOf: request.source), "the source '\(lease.source)' instead of '\(request.source)'")
        try demand(lease.readOnly != request.writable, "an export that is \(lease.readOnly ? "" : "not ")read-only")
        try demand(lease.tls == request.tls, "TLS '\(lease.tls.rawValue)' instead of '\(request.tls.rawValue)'")
        if let allow = request.allow { try demand(Set(lease.allow) == Set(allow), "other clients are allowed") }
    }

    /// The table of the reserved ports, a row each.
    static func ports(_ report: PortsReport, _ ports: ClosedRange<UInt16>) throws(ScoutError) {
        try demand(
            report.ports.map(\.port).sorted() == Array(ports),
            "ports \(report.ports.prefix(20).map { "\($0.port)" }.joined(separator: ", ")) instead of \(text(ports))")
    }

    /// The services that were ended.
    static func release(
        _ report: ReleaseReport, of selection: ReleaseSelection, ports: ClosedRange<UInt16>
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

    /// The ports of a probe.
    static func probe(_ report: ProbeReport, of ports: [UInt16]) throws(ScoutError) {
        for row in report.ports { try demand(ports.contains(row.port), "port \(row.port)") }
    }

    /// The digests of a source.
    static func hash(_ report: HashReport, of source: String, _ algorithms: [HashAlgorithm]) throws(ScoutError) {
        try demand(path(report.path, isOf: source), "the source '\(report.path)' instead of '\(source)'")
        try demand(
            Set(report.hashes.keys) == Set(algorithms.map(\.rawValue)),
            "the hashes \(report.hashes.keys.sorted().joined(separator: ", "))")
    }

    private static func text(_ ports: ClosedRange<UInt16>) -> String {
        ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)–\(ports.upperBound)"
    }
}
