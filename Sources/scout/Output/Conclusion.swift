import ArgumentParser
import Core
import Imaging

extension Output {
    /// Says on stderr what kept an acquisition from being all that was wished for, and ends with the worst one's status.
    ///
    /// The result is on stdout already, with the same conditions in its JSON: no second object may follow it.
    func conclude(_ manifest: Manifest) throws(ExitCode) {
        for condition in manifest.conditions ?? [] {
            console.complain(ScoutError(condition.code, condition.message, hint: condition.hint))
        }
        if let worst = manifest.conditions?.first { throw ExitCode(worst.code.exitStatus) }
    }
}
