import Platform

// What can't be true in a report is refused when it is read, whoever wrote it: no size is negative and no port is 0.

/// - Throws: `ScoutError` (`protocolViolation`) where something isn't as it must be.
private func demand(_ isTrue: Bool, _ fault: @autoclosure () -> String) throws(ScoutError) {
    guard !isTrue else { return }
    throw ScoutError(
        .protocolViolation, "the answer can't be right: \(fault())",
        hint: "use the same version of scout on both sides")
}

extension VersionReport {
    /// Checks that it is a version and nothing else.
    public func check() throws(ScoutError) {
        try demand(Self.isVersion(version), "'\(Visible.field(version, limit: 80))' is the version")
    }
}

extension EvidenceReport {
    /// Checks names, sizes and ports.
    public func check() throws(ScoutError) {
        for device in devices {
            let name = Visible.field(device.name, limit: 80)
            try demand(
                !device.name.isEmpty && device.name.utf8.count <= 255 && !device.name.contains("/"),
                "'\(name)' names a device")
            try demand(device.path.hasPrefix("/") && device.path.utf8.count <= 4096, "the path of \(name)")
            try demand(device.sizeBytes >= 0, "\(name) has \(device.sizeBytes) bytes")
            try demand(!device.exportedOn.contains(0), "\(name) is exported on port 0")
            for partition in device.partitions {
                let (end, isTooFar) = partition.startBytes.addingReportingOverflow(partition.sizeBytes)
                try demand(
                    partition.number > 0 && partition.startBytes >= 0 && partition.sizeBytes >= 0 && !isTooFar,
                    "partition \(partition.number) of \(name) ends at byte \(end)")
            }
        }
    }
}

extension LeaseReport {
    /// Checks the port, the name and the process.
    public func check() throws(ScoutError) {
        try demand(port > 0, "a service on port 0")
        try demand(Topology.isExportName(name), "'\(Visible.field(name, limit: 80))' names a service")
        try demand(pid >= 0, "the process \(pid)")
        try demand(state == "listening", "a service that is '\(Visible.field(state, limit: 80))'")
    }
}

extension PortsReport {
    /// Checks the rows, their leases and the addresses.
    public func check() throws(ScoutError) {
        try demand(IPAddress(container) != nil, "the container's address is '\(Visible.field(container, limit: 80))'")
        try demand(Set(ports.map(\.port)).count == ports.count, "a port has two rows")
        for row in ports {
            try demand(row.port > 0, "a row for port 0")
            try demand((row.state == .leased) == (row.lease != nil), "port \(row.port) is \(row.state.rawValue)")
            try row.lease?.check(on: row.port)
            try row.process?.check()
        }
    }
}

extension PortsReport.Lease {
    fileprivate func check(on port: UInt16) throws(ScoutError) {
        try service.check()
        try demand(service.port == port, "the service of port \(service.port) is on port \(port)")
        guard let traffic else { return }
        try demand(traffic.connections >= 0 && traffic.refused >= 0, "port \(port) has a negative number of clients")
        for client in traffic.clients {
            try demand(
                IPAddress(client.address) != nil,
                "a client of port \(port) has the address '\(Visible.field(client.address, limit: 80))'")
        }
    }
}

extension PortsReport.Process {
    fileprivate func check() throws(ScoutError) {
        try demand(pid > 0, "the process \(pid)")
    }
}

extension ProbeReport {
    /// Checks the rows and their leases.
    public func check() throws(ScoutError) {
        try demand(Set(ports.map(\.port)).count == ports.count, "a port has two rows")
        for row in ports {
            try demand(row.port > 0, "a row for port 0")
            try demand((row.state == .leased) == (row.lease != nil), "port \(row.port) is \(row.state.rawValue)")
            try row.lease?.check(on: row.port)
            try row.process?.check()
        }
    }
}

extension ReleaseReport {
    /// Checks the leases.
    public func check() throws(ScoutError) {
        for lease in released { try lease.check() }
    }
}

extension ForwardsReport {
    /// Checks the ports.
    public func check() throws(ScoutError) {
        try demand(!forwards.contains { $0.port == 0 }, "port 0 is forwarded")
        try demand(hostControl.port > 0, "the host's sshd is on port 0")
    }
}

extension HashReport {
    /// Checks the size, and that each digest has the form of its algorithm.
    public func check() throws(ScoutError) {
        try demand(sizeBytes >= 0, "\(sizeBytes) bytes were read")
        for (name, digest) in hashes {
            let length: Int? =
                switch HashAlgorithm(rawValue: name) {
                case .md5: 32
                case .sha1: 40
                case .sha256: 64
                case .sha512: 128
                case nil: nil
                }
            try demand(
                digest.utf8.count == length && digest.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) },
                "the digest of \(Visible.field(name, limit: 80)) is '\(Visible.field(digest, limit: 130))'")
        }
    }
}
