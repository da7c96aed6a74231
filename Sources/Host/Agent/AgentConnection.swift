import Core
import Glibc
import Platform

/// One client of the agent, from its line to its answer.
struct AgentConnection {
    private enum Phase {
        case asking(AgentRequest)
        case waiting
        case taking([UInt8], sent: Int)
        case gone
    }

    let descriptor: CInt
    /// When its patience, or ours, ends.
    private(set) var due: ContinuousClock.Instant
    private let limits: AgentLimits
    private var phase = Phase.asking(AgentRequest())

    private static let usage = ForwardsCache.bytes(
        ScoutError(
            .usage, "this agent knows one request: \(ForwardsReport.schema)",
            hint: "use the same version of scout on both sides"))
    private static let full = ForwardsCache.bytes(
        ScoutError(.busy, "the host's agent has \(HostAgent.maxClients) clients already", hint: "ask again in a moment")
    )
    private var slow: [UInt8] {
        ForwardsCache.bytes(
            ScoutError(
                .busy, "the host needs longer than \(limits.evaluation.components.seconds) s to evaluate its rules",
                hint: "ask again in a moment"))
    }

    /// - Parameters:
    ///   - descriptor: a socket that doesn't block; it is closed when the client is gone.
    ///   - limits: how long each step may take.
    init(_ descriptor: CInt, _ limits: AgentLimits) {
        self.descriptor = descriptor
        self.limits = limits
        due = .now + limits.request
    }

    var isWaiting: Bool { if case .waiting = phase { true } else { false } }
    var isGone: Bool { if case .gone = phase { true } else { false } }

    /// What to wait for.
    var events: Int16 {
        switch phase {
        case .asking: Int16(POLLIN)
        case .waiting, .gone: 0
        case .taking: Int16(POLLOUT)
        }
    }

    /// Goes on after something has happened.
    mutating func advance(_ happened: Int16, _ cache: ForwardsCache) {
        switch phase {
        case .asking(var request):
            var bytes = [UInt8](repeating: 0, count: request.missing)
            let count = recv(descriptor, &bytes, bytes.count, 0)
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            guard count > 0 else { return leave() }
            switch request.take(bytes[..<count]) {
            case .incomplete: phase = .asking(request)
            case .unknown: give(Self.usage)
            case .forwards:
                phase = .waiting
                due = .now + limits.evaluation
                if let answer = cache.answer() { give(answer) }
            }
        case .waiting: leave()
        case .taking: take()
        case .gone: break
        }
    }

    /// Begins to send an answer.
    mutating func give(_ answer: [UInt8]) {
        phase = .taking(answer, sent: 0)
        due = .now + limits.answer
        take()
    }

    /// Says that there are too many, as far as it can be said at once, and closes.
    mutating func turnAway() {
        give(Self.full)
        leave()
    }

    /// Its time is over.
    mutating func dismiss() {
        if isWaiting { give(slow) } else { leave() }
    }

    mutating func leave() {
        if !isGone { close(descriptor) }
        phase = .gone
    }

    private mutating func take() {
        guard case .taking(let answer, let sent) = phase else { return }
        let count = answer[sent...].withUnsafeBytes {
            send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
        }
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count >= 0, sent + count < answer.count else { return leave() }
        phase = .taking(answer, sent: sent + count)
    }
}
