import Core
import Platform
import Sessions

extension Check {
    /// Whether the SSH server is the right one. The session is opened here, up to the login and with it.
    static let hostKey = Check(.hostKey, needs: [.host], deadline: nil) { facts in
        let opening = await facts.scout.openSession()
        facts.opening = opening
        facts.took = opening.connecting
        switch opening.outcome {
        case .failed(.dialling, let error), .failed(.hostKey, let error): throw error
        case .failed(.login, _), .open: return .proven("the key is the known one")
        }
    }

    /// Whether it lets this person in.
    static let sshAuth = Check(.sshAuth, needs: [.hostKey], deadline: nil) { facts in
        facts.took = facts.opening?.login
        switch facts.opening?.outcome {
        case .failed(_, let error): throw error
        case .open(let session): facts.container = session.container
        case nil: _ = try facts.reached()
        }
        return .proven("logged in as \(facts.subject.target?.address.user ?? "root")")
    }

    /// Whether scout is in the container, and whether it is the container.
    static let toolkit = Check(.toolkit, needs: [.sshAuth]) { facts in
        guard case .open(let session) = facts.opening?.outcome, !session.isHost else {
            throw HopFailure(
                "this is the host itself, not the container: port \(facts.subject.sshPort) leads to the wrong sshd",
                .owner, "scout host forwarding apply")
        }
        switch try await session.toolkit() {
        case .shellFails(let error): throw HopFailure(error, .owner)
        case .version(let version, nil): return .proven("scout \(version) is in the container")
        case .version(let version, let noise?):
            return .proven(
                "scout \(version) is in the container; the login shell prints '\(noise)' around each command, which is "
                    + "passed over: the expert can remove that from its start-up files (~/.bashrc)")
        }
    }
}
