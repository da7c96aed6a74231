import Core
import Netfilter

/// Brings the host to what the owner has set, step by step, and lets no step's failure keep the next from closing.
struct Closing {
    let topology: Topology
    let server: HostControlServer
    let tools: HostTools
    var settings: HostSettings
    /// What could not be done; something may be open.
    var failures: [ScoutError] = []
    var changed = false
    var endedSessions = 0

    init(topology: Topology, server: HostControlServer, tools: HostTools, settings: HostSettings) {
        self.topology = topology
        self.server = server
        self.tools = tools
        self.settings = settings
    }

    /// Waits for the others; who doesn't get the lock closes without it.
    mutating func lock(_ paths: Paths) async -> HostLock? {
        do throws(ScoutError) {
            return try await HostLock(paths)
        } catch {
            failures.append(error)
            return nil
        }
    }

    /// Loads the rules, ends the host's sshd where its switch is off, and only then has the kernel forward.
    mutating func run() async {
        var isLoaded = false
        do throws(ScoutError) {
            let kernel = try await KernelRules(tools)
            await kernel.removeRefused(from: &settings, topology)
            isLoaded = true
            for family in KernelRules.families where await !load(family, into: kernel) { isLoaded = false }
        } catch {
            failures.append(error)
        }
        if !settings.effective.control {
            do throws(ScoutError) {
                if let sessions = try await server.stop() { (changed, endedSessions) = (true, sessions) }
            } catch {
                failures.append(error)
            }
        }
        guard isLoaded else { return }
        do throws(ScoutError) {
            changed = try await HostSysctl.apply(topology, tools) || changed
        } catch {
            failures.append(error)
        }
    }

    private mutating func load(_ family: RuleSet.Family, into kernel: KernelRules) async -> Bool {
        do throws(ScoutError) {
            changed = try await kernel.load(settings.generator(topology), family) || changed
            return true
        } catch {
            guard settings.customRules.contains(where: { $0.family == family }) else {
                failures.append(error)
                return false
            }
            // What the tools read the kernel may still refuse.
            kernel.leaveOut(family, of: &settings, because: error)
            return await load(family, into: kernel)
        }
    }

    /// Says what went wrong, after all has been closed that could be.
    ///
    /// - Throws: the first failure, or else the first problem with what the owner has set; each names all.
    func throwFailures() throws(ScoutError) {
        guard let first = failures.first ?? settings.problems.first else { return }
        var words = (failures + settings.problems).map(\.message)
        if failures.isEmpty { words[0] = "both switches are off until this is mended: \(words[0])" }
        throw ScoutError(first.code, words.joined(separator: "; "), hint: first.hint)
    }
}
