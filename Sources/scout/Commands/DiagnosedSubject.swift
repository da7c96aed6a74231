import Core
import Diagnostics
import Sessions

extension Invocation: ContainerOpener {
    /// What the diagnostics ask about.
    var subject: Subject {
        var target: Target?
        if case .remote(let remote) = place { target = remote }
        return Subject(
            target: target, topology: topology, configuration: configuration, paths: paths,
            connector: Connector(paths: paths, identity: target?.identity, acceptedHostKey: acceptedHostKey),
            opener: self, detail: { [output] in output.detail($0) })
    }
}
