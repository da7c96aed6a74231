public import Testing

/// A lab that is up: the simulated Bitscout in namespaces, or the one on a loopback address that needs no root.
public struct Lab: Sendable {
    /// Which of the two.
    public enum Kind: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case namespaces = "lab"
        case loopback = "loopback"
        /// The script's name.
        public var testDescription: String { rawValue }
    }

    /// The lab of the test that runs; ``InLab`` sets it.
    @TaskLocal public static var current: Lab?

    /// Which of the two.
    public let kind: Kind
    /// What `lab env` says, by name.
    public let facts: [String: String]
    private let name: String

    /// What `lab env` says of one name.
    public subscript(_ name: String) -> String { facts[name] ?? "" }

    /// Builds one.
    static func up(_ kind: Kind) async throws -> Lab {
        let name = "t" + Project.uniqueName()
        let script = Command("\(Project.root)/Tests/Lab/\(kind.rawValue)", environment: Project.environment)
        let outcome = try await script.run(["--name", name, "up", "--scout", Project.binary])
        guard outcome.status == 0 else { throw LabError(message: outcome.errors) }
        let shell = Command("bash", environment: Project.environment)
        let path = "\(Project.root)/Tests/Lab/\(kind.rawValue)"
        let listing = try await shell("-c", "set -a; eval \"$(\"$1\" --name \"$2\" env)\"; env -0", "bash", path, name)
        var facts: [String: String] = [:]
        for pair in listing.output.split(separator: "\0") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, parts[0].hasPrefix("SCOUT_") { facts[String(parts[0])] = String(parts[1]) }
        }
        return Lab(kind: kind, facts: facts, name: name)
    }

    /// Removes every trace of it.
    func down() async throws {
        _ = try await control("down")
    }

    /// Runs the lab's own script.
    public func control(_ arguments: String...) async throws -> Outcome {
        let script = Command("\(Project.root)/Tests/Lab/\(kind.rawValue)", environment: Project.environment)
        return try await script.run(["--name", name] + arguments)
    }

    /// Runs a command in a node of the lab in namespaces.
    public func run(_ node: String, _ arguments: [String], input: String = "") async throws -> Outcome {
        let script = Command("\(Project.root)/Tests/Lab/lab", environment: Project.environment)
        return try await script.run(["--name", name, "run", node] + arguments, input: input)
    }

    /// Runs a shell script in a node of the lab in namespaces.
    @discardableResult
    public func shell(_ node: String, _ script: String) async throws -> Outcome {
        try await run(node, ["sh", "-c", script])
    }

    /// Runs the lab's port scan in a node.
    ///
    /// - Parameters:
    ///   - node: where from.
    ///   - address: whom.
    ///   - udp: whether by datagrams.
    ///   - ports: which.
    ///   - expected: those that should answer. Silence is also what a lost packet looks like: where one of them says
    ///     nothing, these are asked twice more.
    /// - Returns: the ports that are open, and those that refuse: all that is let through.
    public func scan(
        from node: String, _ address: String, udp: Bool = false, ports: ClosedRange<UInt16> = 1 ... .max,
        expecting expected: [UInt16] = []
    ) async throws -> (open: [UInt16], refused: [UInt16]) {
        var (open, refused): (Set<UInt16>, Set<UInt16>) = ([], [])
        var range = ports
        for _ in 0..<3 {
            var words = ["/usr/bin/python3", "/lab/tools/scan", address, "\(range.lowerBound)-\(range.upperBound)"]
            if udp { words.append("--udp") }
            let outcome = try await run(node, words)
            guard outcome.status == 0 else { throw LabError(message: outcome.errors) }
            let lines = outcome.output.split(separator: "\n").map { $0.split(separator: " ") }
            func answers(_ word: Substring) -> [UInt16] {
                lines.filter { $0[0] == word }.compactMap { UInt16($0[1]) }
            }
            open.formUnion(answers("open"))
            refused.formUnion(answers("refused"))
            let silent = expected.filter { !open.contains($0) && !refused.contains($0) }
            guard let first = silent.min(), let last = silent.max() else { break }
            range = first...last
        }
        return (open.sorted(), refused.sorted())
    }

    /// A command line on the expert's machine, and the environment it needs.
    public func expert(_ arguments: [String]) -> (
        executable: String, arguments: [String], environment: [String: String]
    ) {
        switch kind {
        case .namespaces:
            let script = "\(Project.root)/Tests/Lab/lab"
            return (script, ["--name", name, "run", "expert"] + arguments, Project.environment)
        case .loopback:
            var environment = Project.environment
            for (key, value) in facts where !key.hasPrefix("SCOUT_LAB_") { environment[key] = value }
            environment["HOME"] = self["SCOUT_LAB_HOME"]
            var words = arguments
            if words.first == "scout" { words[0] = Project.binary }
            return ("env", words, environment)
        }
    }

    /// Runs a command on the expert's machine.
    public func onExpert(_ arguments: [String], input: String = "") async throws -> Outcome {
        let line = expert(arguments)
        return try await Command(line.executable, environment: line.environment).run(line.arguments, input: input)
    }

    /// The words that scout needs to reach the container, whose host key is accepted.
    public var target: [String] {
        ["--target", self["SCOUT_LAB_TARGET"], "--accept-host-key", self["SCOUT_LAB_FINGERPRINT"]]
    }

    /// Runs scout on the expert's machine, on the lab's container.
    public func scout(_ arguments: String..., input: String = "") async throws -> Outcome {
        try await onExpert(["scout"] + target + arguments, input: input)
    }
}

/// Why there is no lab.
public struct LabError: Error, CustomStringConvertible {
    let message: String
    /// What the lab's script said.
    public var description: String { message }
}

/// Gives a suite one lab for all of its tests, or each case of a test a lab of its own.
public struct InLab: SuiteTrait, TestTrait, TestScoping {
    let kind: Lab.Kind

    /// - Parameter kind: which of the two.
    public init(_ kind: Lab.Kind) {
        self.kind = kind
    }

    /// Builds the lab, runs the tests, and removes it, whatever they did.
    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let lab = try await Lab.up(kind)
        do {
            try await Lab.$current.withValue(lab) { try await function() }
        } catch {
            try await lab.down()
            throw error
        }
        try await lab.down()
    }
}
