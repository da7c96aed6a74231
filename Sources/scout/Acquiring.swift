import Core
import Glibc
import Imaging
import Platform

extension CommandContext {
    /// Takes an image, from the container or from a server that a URI names.
    ///
    /// - Parameters:
    ///   - source: an evidence name, a path in the container, or an NBD URI.
    ///   - files: the files to make.
    ///   - options: what can be chosen.
    ///   - cancellation: ends the work early.
    ///   - outstanding: is told what would stay behind, and who else is to be stopped.
    ///   - events: told of what happens, on the thread on which it happens.
    func acquire(
        _ source: String, _ files: ImageFiles, _ options: ContainerAcquisition.Options,
        cancellation: Cancellation<ScoutError>,
        outstanding: Outstanding, events: @escaping @Sendable (Event) -> Void
    ) async throws -> Acquisition.Result {
        let work = Task {
            guard !source.contains("://") else {
                let description = SourceDescription(
                    name: source, path: source, sizeBytes: nil, readOnly: nil, target: nil, address: nil, uri: source,
                    tls: "", model: nil, serial: nil)
                let acquisition = Acquisition(
                    uri: source, source: description, files: files, hashes: options.hashes,
                    options: options.acquisition)
                return try await acquisition.run(cancellation: cancellation, events: events)
            }
            return try await withContainer { container in
                try await ContainerAcquisition(
                    container: container, host: selection.exportHost, target: selection.targetName,
                    keyDirectory: selection.paths.runtimeDirectory + "/keys"
                ).run(
                    source: source, files: files, options: options, cancellation: cancellation, events: events,
                    // Of a port that stays open everybody has to know, also who wants no remarks.
                    warning: { output.console.talk("scout: \($0)") },
                    leftover: { left in
                        outstanding.note(left?.text)
                        if let left { outstanding.atEnd { unlink(left.keyFile) } }
                    })
            }
        }
        // A dial, a login or a question to the container is given up; what must not be is a task of its own.
        outstanding.onInterrupt { work.cancel() }
        return try await outstanding.ending { try await work.value }
    }
}
