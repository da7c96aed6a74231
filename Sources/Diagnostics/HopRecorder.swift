import Core

/// Runs the checks of an examination in their order, and keeps each hop with its outcome and time.
struct HopRecorder {
    private var hops: [DoctorReport.Hop] = []
    private var failure: HopFailure?
    /// The next step of the first finding that proves nothing.
    private var advice: Advice?

    /// Runs each check whose needs are met: the hops that it names were looked at, and none of them fails.
    mutating func run(_ checks: [Check], _ facts: inout Facts) async {
        for check in checks where check.needs.allSatisfy(isMet) {
            let start = ContinuousClock.now
            let outcome = await Self.outcome(of: check, &facts)
            let took = facts.took ?? (.now - start)
            facts.took = nil
            switch outcome {
            case .success(let finding): note(check.hop, finding, took: took)
            case .failure(let failure): fail(check.hop, failure, took: took)
            }
        }
    }

    private func isMet(_ hop: DoctorReport.HopID) -> Bool {
        hops.contains { $0.id == hop && $0.ok != false }
    }

    private static func outcome(of check: Check, _ facts: inout Facts) async -> Result<Finding, HopFailure> {
        do {
            guard let deadline = check.deadline else { return .success(try await check.run(&facts)) }
            let (finding, found) = try await race(check, facts, deadline)
            facts = found
            return .success(finding)
        } catch {
            return .failure(
                error as? HopFailure ?? ScoutError.known(error).map { HopFailure($0) }
                    ?? HopFailure("interrupted", .expert, "try again"))
        }
    }

    private static func race(
        _ check: Check, _ facts: Facts, _ deadline: Duration
    ) async throws -> (Finding, Facts) {
        try await withThrowingTaskGroup(of: (Finding, Facts).self) { group in
            group.addTask {
                var facts = facts
                return (try await check.run(&facts), facts)
            }
            group.addTask {
                try await Task.sleep(for: deadline)
                throw HopFailure(
                    "no answer within \(deadline.components.seconds) s", .expert,
                    "try again; if it stays so, the VPN loses packets or the machine is stuck")
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }

    /// Notes a hop that does not fail.
    mutating func note(_ id: DoctorReport.HopID, _ finding: Finding, took: Duration = .zero) {
        switch finding {
        case .proven(let detail): append(id, true, detail, took)
        case .notKnown(let detail, let next):
            append(id, nil, detail, took)
            advice = advice ?? next
        }
    }

    /// Notes a hop that fails.
    mutating func fail(_ id: DoctorReport.HopID, _ failure: HopFailure, took: Duration = .zero) {
        append(id, false, failure.cause, took)
        self.failure = self.failure ?? failure
    }

    private mutating func append(_ id: DoctorReport.HopID, _ ok: Bool?, _ detail: String, _ took: Duration) {
        let milliseconds = (took / .milliseconds(1)).rounded()
        hops.append(DoctorReport.Hop(id: id, ok: ok, detail: detail, elapsedSeconds: milliseconds / 1000))
    }

    /// The report, with the hops that were not reached.
    ///
    /// - Parameters:
    ///   - port: the port in question.
    ///   - needed: the hops that have to be proven, beside that none fails.
    ///   - success: what to say then.
    ///   - remark: what breaks nothing, and what to do about it.
    func report(
        port: UInt16?, needed: [DoctorReport.HopID], success: String, remark: (text: String, advice: Advice)? = nil
    ) -> DoctorReport {
        let failed = hops.first { $0.ok == false }
        let all = DoctorReport.HopID.allCases.map { id in
            hops.first { $0.id == id }
                ?? DoctorReport.Hop(id: id, ok: nil, detail: DoctorReport.Hop.notReached, elapsedSeconds: 0)
        }
        let unproven = all.first { needed.contains($0.id) && $0.ok != true }
        var verdict = success
        if let failed {
            verdict = "\(failed.id.rawValue) fails: \(failed.detail)"
        } else if let unproven {
            verdict = "\(unproven.id.rawValue) is not proven: \(unproven.detail)"
        }
        if failed == nil, let remark { verdict += "; \(remark.text)" }
        let isWell = failed == nil && unproven == nil
        // Where nobody has a better word, the verdict still needs a next step.
        let last =
            isWell ? "" : "expert: scout ports shows who is on the port; scout doctor without a port proves the way"
        return DoctorReport(
            ok: isWell, port: port, hops: all, verdict: verdict,
            advice: (failure?.advice ?? advice ?? remark?.advice)?.text ?? last)
    }
}
