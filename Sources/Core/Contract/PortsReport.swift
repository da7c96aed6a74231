public import FoundationEssentials
import Platform

/// The reserved ports, a row each, in order.
public struct PortsReport: Report, Hashable {
    /// `scout.ports/1`.
    public static let schema = "scout.ports/1"

    /// What holds a port.
    public enum State: String, Codable, Sendable {
        case free
        case leased
        case foreign
    }

    /// A program that listens on a reserved port without a lease.
    public struct Process: Codable, Hashable, Sendable {
        /// Its process, where this user may see it.
        public var pid: Int32
        /// Its name, as `/proc/PID/comm` has it.
        public var name: String

        /// - Parameters:
        ///   - pid: its process.
        ///   - name: its name.
        public init(pid: Int32, name: String) {
            self.pid = pid
            self.name = name
        }
    }

    /// A client that is connected now.
    public struct Client: Codable, Hashable, Sendable {
        /// Its address.
        public var address: String
        /// When it connected.
        public var since: Date

        /// - Parameters:
        ///   - address: its address.
        ///   - since: when it connected.
        public init(address: String, since: Date) {
            self.address = address
            self.since = since
        }
    }

    /// What a gate has seen so far.
    public struct Traffic: Codable, Hashable, Sendable {
        /// Connections let in since the start.
        public var connections = 0
        /// Connections turned away since the start.
        public var refused = 0
        /// Who is connected now, and has agreed with the server on what is served.
        public var clients: [Client] = []
        /// How many are connected that have not agreed with the server yet.
        public var handshakes: Int?
        /// Bytes that clients have acknowledged.
        public var bytesSent: UInt64 = 0
        /// Bytes that clients have sent.
        public var bytesReceived: UInt64 = 0

        /// Nothing seen yet.
        public init() {}
    }

    /// A lease with what its gate has seen; `traffic` is absent where the gate does not answer.
    public struct Lease: Codable, Hashable, Sendable {
        /// The service.
        public var service: LeaseReport
        /// What its gate has seen.
        public var traffic: Traffic?

        /// - Parameters:
        ///   - service: the service.
        ///   - traffic: what its gate has seen.
        public init(service: LeaseReport, traffic: Traffic?) {
            self.service = service
            self.traffic = traffic
        }

        /// Reads the two as the one object they are written as.
        public init(from decoder: any Decoder) throws {
            service = try LeaseReport(from: decoder)
            let first = try decoder.container(keyedBy: TrafficKey.self)
            traffic = first.contains(.connections) ? try Traffic(from: decoder) : nil
        }

        /// What tells whether there is traffic in the one object.
        private enum TrafficKey: CodingKey { case connections }

        /// Writes the two as one object.
        public func encode(to encoder: any Encoder) throws {
            try service.encode(to: encoder)
            try traffic?.encode(to: encoder)
        }
    }

    /// One reserved port.
    public struct Row: Codable, Hashable, Sendable {
        /// The TCP port.
        public var port: UInt16
        /// What holds it.
        public var state: State
        /// The lease, where it is leased.
        public var lease: Lease?
        /// The program, where it is foreign and this user may see it.
        public var process: Process?

        /// - Parameters: one for each property, in their order.
        public init(port: UInt16, state: State, lease: Lease? = nil, process: Process? = nil) {
            self.port = port
            self.state = state
            self.lease = lease
            self.process = process
        }
    }

    /// The container's address.
    public var container: String
    /// The ports, in order.
    public var ports: [Row]

    /// - Parameters:
    ///   - container: the container's address.
    ///   - ports: the ports, in order.
    public init(container: String, ports: [Row]) {
        self.container = container
        self.ports = ports
    }
}
