import Core
import Diagnostics
import Sessions

extension Invocation: ContainerOpener {
    /// What the diagnostics are about.
    var subject: Subject {
        var target: Target?
        if case .remote(let remote) = place { target = remote }
        return Subject(target: target, topology: topology, configuration: configuration)
    }

    /// Whom they ask.
    var scout: LiveScout {
        let subject = subject
        return LiveScout(
            subject,
            connector: Connector(
                paths: paths, identity: subject.target?.identity, acceptedHostKey: acceptedHostKey),
            opener: self)
    }
}
