import Core
import Glibc

extension CommandContext {
    /// Has a service made, and with `stays` remains until it ends by itself; Ctrl-C ends it.
    ///
    /// A service that is interrupted while it is made is released: nobody has been told of it.
    func serve(
        _ request: ServiceRequest, stays: Bool, tell: @escaping @Sendable (LeaseReport) throws -> Void
    ) async throws {
        let outstanding = Outstanding()
        let interrupts = Interrupts(outstanding) {}
        defer { interrupts.stop() }
        let work = Task {
            try await withContainer { container in
                let name = request.name.map { " as \($0)" } ?? ""
                outstanding.note("a service of \(request.source)\(name) may have begun: scout ports shows it")
                // Half of a service would leave a port or a key behind, so it is made, and then released.
                let lease = try await Task.detached { try await container.serve(request) }.value
                outstanding.note("port \(lease.port) is still served: scout release \(lease.port)")
                if !outstanding.isInterrupted { try tell(lease) }
                if stays, !outstanding.isInterrupted {
                    output.remark("serving until Ctrl-C")
                    try await remain(lease, container, outstanding)
                }
                if outstanding.isInterrupted {
                    _ = try await Task.detached { try await container.release(.port(lease.port)) }.value
                    throw ScoutError(.interrupted, "released port \(lease.port)")
                }
            }
        }
        outstanding.onInterrupt { work.cancel() }
        try await outstanding.ending { try await work.value }
    }

    /// Until the service has ended, or somebody interrupts.
    private func remain(_ lease: LeaseReport, _ container: any Container, _ outstanding: Outstanding) async throws {
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
