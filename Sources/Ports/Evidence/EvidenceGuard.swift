import Core
import Glibc
import Platform

/// Keeps evidence from being exported for writing, whatever the kernel would allow and whatever it is called.
struct EvidenceGuard {
    /// Where evidence devices lie.
    let directory: String

    /// - Parameters:
    ///   - source: open already; its identity is that of the descriptor that would be served.
    ///   - text: what was typed for it.
    /// - Throws: `ScoutError` (`refused`) where it is named as evidence, or is the same disk as an evidence device, its
    ///   partition, or what it lies on; or where an evidence device can't be looked at, so that nobody knows.
    func refuseEvidence(_ source: Source, as text: String) throws(ScoutError) {
        let resolved = (try? Source.locate(source.path, in: directory))?.path ?? source.path
        for path in [text, source.path, resolved] where Self.isEvidence(path) { throw Self.refusal(source.path, nil) }
        let own = source.identity
        let below = own.withFoundations()
        for name in Source.names(in: directory) where Self.isEvidence(name) {
            let path = directory + "/" + name
            let found = try ScoutError.wrap(
                Bounded.run(within: .seconds(2)) { () -> (isKnown: Bool, identity: SourceIdentity?) in
                    var info = stat()
                    // A name that leads nowhere is no disk.
                    guard stat(path, &info) == 0 else { return (errno == ENOENT, nil) }
                    return (true, SourceIdentity(info))
                })
            guard let found, found.isKnown else {
                throw ScoutError(
                    .refused,
                    "\(name) can't be looked at, so it may be \(source.path): that is not exported for writing")
            }
            guard let evidence = found.identity else { continue }
            if below.contains(evidence) || evidence.withFoundations().contains(own) {
                throw Self.refusal(source.path, name)
            }
        }
    }

    private static func isEvidence(_ path: String) -> Bool {
        (path.split(separator: "/").last ?? "").lowercased().hasPrefix("evidence")
    }

    private static func refusal(_ path: String, _ name: String?) -> ScoutError {
        ScoutError(
            .refused,
            name.map { "\(path) is the disk of \($0): evidence is never exported for writing" }
                ?? "\(path) is evidence by its name: evidence is never exported for writing",
            hint: "leave --writable out; storage devices can be written to")
    }
}
