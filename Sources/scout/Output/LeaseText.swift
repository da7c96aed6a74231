import Core
import Platform

extension LeaseReport {
    /// What is served to whom, how it is reached, and where its key is.
    var page: Page {
        let clients = allow.isEmpty ? "the container itself" : allow.map(\.description).joined(separator: ", ")
        let access = readOnly ? "read-only" : "WRITABLE"
        let key = pskFile.map { ["key file: \($0)"] } ?? []
        return Page(["\(source) on port \(port), \(access), for \(clients)", uri] + key)
    }
}

extension ReleaseReport {
    /// A line for each service that was ended.
    var page: Page { Page(released.map { "released \($0.port) \($0.name)" }) }
}
