import Core

/// Why a hop fails, and what to do.
struct HopFailure: Error {
    /// Who can do something about it.
    enum ResponsibleParty: String {
        case expert
        case owner
    }

    let cause: String
    let advice: String

    /// - Parameters:
    ///   - cause: one sentence without a final full stop.
    ///   - person: who can do something.
    ///   - advice: what.
    init(_ cause: String, _ person: ResponsibleParty, _ advice: String) {
        self.cause = cause
        self.advice = "\(person.rawValue): \(advice)"
    }

    init(_ error: ScoutError, _ person: ResponsibleParty = .expert) {
        self.init(error.message, person, error.hint ?? "repeat it with --verbose")
    }
}

/// What was found at a hop that does not fail.
enum Finding: Sendable {
    /// It is as it should be, and how that shows.
    case proven(String)
    /// Nothing speaks against it, and nothing proves it; with what to do next, and who.
    case notKnown(String, next: String)
}

/// The protocol of an examination: each hop with its outcome and time.
actor HopRecorder {
    private var hops: [DoctorReport.Hop] = []
    private var trouble: HopFailure?
    /// A finding that breaks nothing, for the verdict.
    private var remark: (text: String, advice: String)?
    /// The next step of the first finding that proves nothing.
    private var advice: String?

    /// Runs one hop, unless one before it has failed.
    ///
    /// - Parameters:
    ///   - id: which.
    ///   - deadline: how long it may take.
    ///   - body: returns what it found, with the detail to show; throws a `HopFailure` or a `ScoutError`.
    /// - Throws: `HopFailure`, noted already.
    func step<Found: Sendable>(
        _ id: DoctorReport.HopID, within deadline: Duration = .seconds(15),
        _ body: @escaping @Sendable () async throws -> (Found, String)
    ) async throws -> Found {
        let start = ContinuousClock.now
        do {
            let (found, detail) = try await Self.race(id, deadline, body)
            note(id, true, detail, since: start)
            return found
        } catch {
            throw fail(id, error, since: start)
        }
    }

    private static func race<Found: Sendable>(
        _ id: DoctorReport.HopID, _ deadline: Duration, _ body: @escaping @Sendable () async throws -> (Found, String)
    ) async throws -> (Found, String) {
        try await withThrowingTaskGroup(of: (Found, String).self) { group in
            group.addTask { try await body() }
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

    /// Notes a hop that was settled on the way.
    func note(_ id: DoctorReport.HopID, _ finding: Finding, since start: ContinuousClock.Instant) {
        switch finding {
        case .proven(let detail): note(id, true, detail, since: start)
        case .notKnown(let detail, let next):
            note(id, nil, detail, since: start)
            advice = advice ?? next
        }
    }

    /// Notes a hop that was settled on the way; `nil` is not known.
    func note(_ id: DoctorReport.HopID, _ ok: Bool?, _ detail: String, since start: ContinuousClock.Instant) {
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        hops.append(
            DoctorReport.Hop(id: id, ok: ok, detail: detail, elapsedSeconds: (elapsed * 1000).rounded() / 1000))
    }

    /// Notes a hop that fails.
    ///
    /// - Returns: why, as it was noted.
    func fail(_ id: DoctorReport.HopID, _ error: any Error, since start: ContinuousClock.Instant) -> HopFailure {
        let found =
            error as? HopFailure ?? (error as? ScoutError).map { HopFailure($0) }
            ?? HopFailure("interrupted", .expert, "try again")
        note(id, false, found.cause, since: start)
        trouble = found
        return found
    }

    /// Notes something that breaks nothing.
    func remark(_ text: String, advice: String) { remark = (text, advice) }

    /// The report, with the hops that were not reached.
    ///
    /// - Parameters:
    ///   - port: the port in question.
    ///   - needed: the hops that have to be proven, beside that none fails.
    ///   - success: what to say then.
    func report(port: UInt16?, needed: [DoctorReport.HopID], success: String) -> DoctorReport {
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
            advice: trouble?.advice ?? advice ?? remark?.advice ?? last)
    }
}
