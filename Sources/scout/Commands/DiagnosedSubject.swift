import Core
import Diagnostics
import Sessions

extension CommandContext {
    /// What the diagnostics are about.
    var subject: Subject {
        var target: Target?
        if case .remote(let remote) = selection.location { target = remote }
        return Subject(target: target, topology: selection.topology, configuration: selection.configuration)
    }

    /// Whom they ask.
    var scout: LiveScout {
        let subject = subject
        return LiveScout(
            subject,
            connector: Connector(
                paths: selection.paths, identity: subject.target?.identity, acceptedHostKey: selection.acceptedHostKey),
            opener: self)
    }
}
