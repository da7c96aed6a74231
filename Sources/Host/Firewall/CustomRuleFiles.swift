import Core
import FoundationEssentials
import Glibc
import Netfilter
import Platform

extension CustomRules {
    /// Where the files are, below the host's directory (``Paths/hostDirectory``).
    static let directory = "firewall.d"

    /// Reads every file of the directory; there may be none.
    ///
    /// - Returns: the rules that can be taken, and why the others can't: `badData` for a line that is not allowed, a file of
    ///   another name or what is no file, `refused` for one that others than root may write to, `io`.
    static func load(_ paths: Paths) -> (rules: [CustomRules], problems: [ScoutError]) {
        let directory = paths.hostDirectory + "/" + directory
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            if access(directory, F_OK) != 0, errno == ENOENT { return ([], []) }
            return ([], [ScoutError(.io, "\(directory) can't be read: \(error)")])
        }
        var rules: [CustomRules] = []
        var problems: [ScoutError] = []
        for name in names.sorted() where !name.hasPrefix(".") && !name.hasSuffix("~") {
            do throws(ScoutError) { rules.append(try read("\(directory)/\(name)")) } catch { problems.append(error) }
        }
        return (rules, problems)
    }

    private static func read(_ path: String) throws(ScoutError) -> CustomRules {
        guard let family = path.split(separator: ".").last.flatMap({ RuleSet.Family(rawValue: String($0)) }) else {
            throw ScoutError(.badData, "\(path) is for neither IPv4 nor IPv6", hint: "name it NAME.ipv4 or NAME.ipv6")
        }
        // A pipe without a writer must not be waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw ScoutError(.io, "\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ScoutError(.badData, "\(path) is not a file")
        }
        guard status.st_mode & 0o022 == 0, status.st_uid == 0 || status.st_uid == geteuid() else {
            throw ScoutError(.refused, "\(path) can be written by others than root", hint: "chmod go-w \(path)")
        }
        // By its descriptor: what was looked at is what is read.
        let bytes = try ScoutError.wrap(File.read("/proc/self/fd/\(descriptor)")) ?? []
        do throws(RuleError) {
            return try CustomRules(String(decoding: bytes, as: UTF8.self), family: family, name: path)
        } catch {
            throw ScoutError(error)
        }
    }
}
