/// One thing that a container can be asked for, with its parameters.
///
/// This is what goes through the door between laptop and container: `LocalContainer` answers it, ``RequestMessage`` carries it.
public enum ContainerRequest: Hashable, Sendable {
    /// Which toolkit is there. The answer is a ``VersionReport``.
    case version
    /// The devices that the owner mapped. The answer is an ``EvidenceReport``.
    case evidence
    /// A service on a leased port. The answer is its ``LeaseReport``.
    case serve(ServiceRequest)
    /// The reserved ports. The answer is a ``PortsReport``.
    case ports
    /// The end of services. The answer is a ``ReleaseReport``.
    case release(ReleaseSelection)
    /// What the host's agent says. The answer is a ``ForwardsReport``.
    case forwards
    /// The digests of a source. The answer is a ``HashReport``.
    case hash(source: String, algorithms: [HashAlgorithm])
    /// To listen on ports until standard input ends. The answer, a ``ProbeReport``, comes when that has begun.
    case probe(ports: [UInt16], nonce: String)

    /// The verbs by their names, as messages and process lists have them.
    public enum Verb: String, Codable, CaseIterable, Sendable {
        case version
        case evidence
        case serve
        case ports
        case release
        case forwards
        case hash
        case probe
    }

    /// What is to be done, without its parameters.
    public var verb: Verb {
        switch self {
        case .version: .version
        case .evidence: .evidence
        case .serve: .serve
        case .ports: .ports
        case .release: .release
        case .forwards: .forwards
        case .hash: .hash
        case .probe: .probe
        }
    }

    /// Whether it only reads, and is in vain where nobody can read its answer any more.
    public var onlyReads: Bool {
        switch self {
        case .version, .evidence, .ports, .forwards, .hash: true
        case .serve, .release, .probe: false
        }
    }
}

extension ContainerRequest: Codable {
    private enum Key: String, CodingKey {
        case verb
        case parameters
    }

    private struct HashParameters: Codable {
        let source: String
        let algorithms: [HashAlgorithm]
    }

    private struct ProbeParameters: Codable {
        let ports: [UInt16]
        let nonce: String
    }

    /// Reads `{verb, parameters?}`.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        switch try container.decode(Verb.self, forKey: .verb) {
        case .version: self = .version
        case .evidence: self = .evidence
        case .serve: self = .serve(try container.decode(ServiceRequest.self, forKey: .parameters))
        case .ports: self = .ports
        case .release: self = .release(try container.decode(ReleaseSelection.self, forKey: .parameters))
        case .forwards: self = .forwards
        case .hash:
            let parameters = try container.decode(HashParameters.self, forKey: .parameters)
            self = .hash(source: parameters.source, algorithms: parameters.algorithms)
        case .probe:
            let parameters = try container.decode(ProbeParameters.self, forKey: .parameters)
            self = .probe(ports: parameters.ports, nonce: parameters.nonce)
        }
    }

    /// Writes `{verb, parameters?}`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(verb, forKey: .verb)
        switch self {
        case .version, .evidence, .ports, .forwards: break
        case .serve(let service): try container.encode(service, forKey: .parameters)
        case .release(let selection): try container.encode(selection, forKey: .parameters)
        case .hash(let source, let algorithms):
            try container.encode(HashParameters(source: source, algorithms: algorithms), forKey: .parameters)
        case .probe(let ports, let nonce):
            try container.encode(ProbeParameters(ports: ports, nonce: nonce), forKey: .parameters)
        }
    }
}

extension ContainerRequest {
    /// Looks for parameters that no verb takes, whoever wrote them.
    ///
    /// - Throws: `ScoutError` (`usage`) that names the first one.
    public func check() throws(ScoutError) {
        switch self {
        case .version, .evidence, .ports, .forwards, .release: return
        case .serve(.nbd(let request)): try request.check()
        case .hash(_, let algorithms):
            if algorithms.isEmpty { throw ScoutError(.usage, "no hash is asked for") }
        case .probe(let ports, let nonce):
            guard (1...64).contains(nonce.utf8.count), nonce.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
            else { throw ScoutError(.usage, "a nonce is 1 to 64 letters and digits") }
            if ports.isEmpty || ports.count > 100 || ports.contains(0) {
                throw ScoutError(.usage, "a probe takes 1 to 100 ports from 1 on")
            }
        }
    }
}
