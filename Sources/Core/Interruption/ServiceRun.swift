/// A service that is made for somebody who may change his mind, and stays where it is wanted to.
///
/// A service that is interrupted while it is made is released: nobody has been told of it.
public struct ServiceRun: Sendable {
    private let request: ServiceRequest
    private let stays: Bool
    private let outstanding: Outstanding

    /// - Parameters:
    ///   - request: what is to be served.
    ///   - stays: whether to remain until the service ends by itself; an interrupt ends it then.
    ///   - outstanding: told what would stay behind, and asked whether somebody wants the end.
    public init(_ request: ServiceRequest, stays: Bool, outstanding: Outstanding) {
        self.request = request
        self.stays = stays
        self.outstanding = outstanding
    }

    /// Has the service made.
    ///
    /// - Parameters:
    ///   - container: where.
    ///   - begun: told of the lease, unless somebody has wanted the end before.
    ///   - staying: called when it is waited for the service's end.
    /// - Throws: `ScoutError`: as ``Container/serve(_:)``; `interrupted` once it has been released. What `begun` throws.
    public func run(
        in container: any Container, begun: @Sendable (LeaseReport) throws -> Void, staying: @Sendable () -> Void
    ) async throws {
        let request = request
        let name = request.name.map { " as \($0)" } ?? ""
        outstanding.note("a service of \(request.source)\(name) may have begun: scout ports shows it")
        // Half of a service would leave a port or a key behind, so it is made, and then released.
        let lease = try await Task.detached { try await container.serve(request) }.value
        outstanding.note("port \(lease.port) is still served: scout release \(lease.port)")
        if !outstanding.isInterrupted { try begun(lease) }
        if stays, !outstanding.isInterrupted {
            staying()
            try await remain(lease, container)
        }
        if outstanding.isInterrupted {
            _ = try await Task.detached { try await container.release(.port(lease.port)) }.value
            throw ScoutError(.interrupted, "released port \(lease.port)")
        }
    }

    /// Until the service has ended, or somebody interrupts.
    private func remain(_ lease: LeaseReport, _ container: any Container) async throws {
        do {
            while !outstanding.isInterrupted {
                try await Task.sleep(for: .seconds(1))
                let rows = try await container.ports().ports
                if !rows.contains(where: { $0.lease?.service.pid == lease.pid }) { return }
            }
        } catch {
            if !outstanding.isInterrupted { throw error }
        }
    }
}
