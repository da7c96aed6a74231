import Core
import Synchronization

extension Invocation {
    /// Stays until a service ends by itself; Ctrl-C ends it.
    func stay(with lease: LeaseReport, on container: any Container) async throws {
        let isInterrupted = Atomic(false)
        let interrupts = Interrupts { isInterrupted.store(true, ordering: .releasing) }
        defer { interrupts.stop() }
        output.remark("serving until Ctrl-C")
        while true {
            for _ in 0..<5 where !isInterrupted.load(ordering: .acquiring) {
                try await Task.sleep(for: .milliseconds(200))
            }
            if isInterrupted.load(ordering: .acquiring) {
                _ = try await container.release(.port(lease.port))
                throw ScoutError(.interrupted, "released port \(lease.port)")
            }
            let rows = try await container.ports().ports
            if !rows.contains(where: { $0.lease?.service.pid == lease.pid }) { return }
        }
    }
}
