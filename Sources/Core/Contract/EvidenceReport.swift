/// The devices that the owner mapped.
public struct EvidenceReport: Report, Hashable {
    /// `scout.evidence/1`.
    public static let schema = "scout.evidence/1"

    /// One partition of a device.
    public struct Partition: Codable, Hashable, Sendable {
        /// Its number, from 1.
        public var number: Int
        /// Where it starts.
        public var startBytes: Int64
        /// How long it is.
        public var sizeBytes: Int64
        /// Its type as the table has it: `0x83`, or a GUID.
        public var type: String

        /// - Parameters: one for each property, in their order.
        public init(number: Int, startBytes: Int64, sizeBytes: Int64, type: String) {
            self.number = number
            self.startBytes = startBytes
            self.sizeBytes = sizeBytes
            self.type = type
        }
    }

    /// One device.
    public struct Device: Codable, Hashable, Sendable {
        /// Its name, as `acquire` and `serve` take it.
        public var name: String
        /// Its path in the container.
        public var path: String
        /// Its size.
        public var sizeBytes: Int64
        /// Whether the kernel refuses writes to it; `false` too where that is not known, see ``isKnown``.
        public var readOnly: Bool
        /// Its partitions; empty where it has no table.
        public var partitions: [Partition]
        /// The ports it is exported on.
        public var exportedOn: [UInt16]
        /// The maker's model, where the kernel knows it.
        public var model: String?
        /// The serial number, where the kernel knows it.
        public var serial: String?
        /// What is not known of it, and why; a size that is not known is zero.
        public var reason: String?

        /// Whether its size was learnt, and whether it can be written to.
        public var isKnown: Bool { sizeBytes > 0 || reason == nil }

        /// - Parameters: one for each property, in their order.
        public init(
            name: String, path: String, sizeBytes: Int64, readOnly: Bool, partitions: [Partition],
            exportedOn: [UInt16], model: String? = nil, serial: String? = nil, reason: String? = nil
        ) {
            self.name = name
            self.path = path
            self.sizeBytes = sizeBytes
            self.readOnly = readOnly
            self.partitions = partitions
            self.exportedOn = exportedOn
            self.model = model
            self.serial = serial
            self.reason = reason
        }
    }

    /// The devices, by name.
    public var devices: [Device]

    /// - Parameter devices: the devices, by name.
    public init(devices: [Device]) {
        self.devices = devices
    }
}
