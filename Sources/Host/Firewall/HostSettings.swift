import Core
import Glibc
import Netfilter

/// What the owner has set, as far as it can be read, and what can't.
///
/// Nothing here throws: what closes must not wait for a file to be mended.
struct HostSettings {
    /// The switches as they are kept; both off where that can't be read.
    var switches: HostSwitches
    /// The owner's rules that can be taken.
    var customRules: [CustomRules]
    /// Why something can't.
    var problems: [ScoutError] = []
    /// Whether ``switches`` is what the owner has set.
    let switchesAreKnown: Bool

    init(_ paths: Paths) {
        // A directory that others can write to holds whatever they like.
        var status = stat()
        if stat(paths.hostDirectory, &status) == 0,
            status.st_mode & 0o022 != 0 || ![0, geteuid()].contains(status.st_uid)
        {
            (switches, customRules, switchesAreKnown) = (HostSwitches(), [], false)
            problems = [
                ScoutError(
                    .refused, "\(paths.hostDirectory) can be written by others than root",
                    hint: "chmod go-w \(paths.hostDirectory)")
            ]
            return
        }
        (customRules, problems) = CustomRules.load(paths)
        do throws(ScoutError) {
            switches = try HostSwitches.load(paths)
            switchesAreKnown = true
        } catch {
            switches = HostSwitches()
            switchesAreKnown = false
            problems.insert(error, at: 0)
        }
    }

    /// The switches as they take effect: what a file that can't be read would have restricted is not known, so while there
    /// is one both are off.
    var effective: HostSwitches { problems.isEmpty ? switches : HostSwitches() }

    /// The rules that belong to it.
    func generator(_ topology: Topology) -> RuleGenerator {
        let switches = effective
        return RuleGenerator(
            plan: topology.firewallPlan, lanIsEnabled: switches.lan, controlIsEnabled: switches.control,
            customRules: customRules)
    }
}
