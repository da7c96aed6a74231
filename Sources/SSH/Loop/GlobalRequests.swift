import CLibSSH

/// Requests to the server as a whole (RFC 4254, section 4), of which libssh knows one at a time.
///
/// It keeps one state for all of them, the keep-alive included, and gives an answer to whoever asks next, whatever he
/// had asked. So they stand in line here, and an answer that somebody no longer waits for is taken in before the next.
struct GlobalRequestState {
    /// Somebody waits for an answer; no keep-alive may take it from him, and his request serves as one.
    var isBusy = false
    /// A request may have been sent whose answer nobody has taken.
    var mayHaveAnswer = false
}

extension EventLoop {
    /// Makes a request and waits for its answer.
    ///
    /// - Parameters:
    ///   - operation: what it is, for errors.
    ///   - deadline: how long each answer may take.
    ///   - call: the request, one call of a non-blocking libssh function.
    /// - Throws: `SSHError`, `denied` where the server refuses; `CancellationError`.
    nonisolated(nonsending) func globalRequest(
        _ operation: String, within deadline: Duration, _ call: (ssh_session) -> CInt
    ) async throws {
        let end = awake() + deadline
        while globalRequests.isBusy {
            let (mark, left) = (traffic.news, end - awake())
            if left <= .zero { throw SSHError.deadline(operation, deadline) }
            try await wait(for: traffic, after: mark, until: .now + left)
        }
        globalRequests.isBusy = true
        defer {
            globalRequests.isBusy = false
            traffic.note()
        }
        if globalRequests.mayHaveAnswer {
            do {
                // Takes the answer in as if it were its own; where there is none it asks for what changes nothing.
                try await complete(operation, within: deadline) { ssh_channel_cancel_forward($0, "", 0) }
            } catch let error as SSHError where error.kind == .denied {}
        }
        globalRequests.mayHaveAnswer = true
        do {
            try await complete(operation, within: deadline, call)
        } catch let error as SSHError where error.kind == .denied {
            globalRequests.mayHaveAnswer = false
            throw error
        }
        globalRequests.mayHaveAnswer = false
    }
}
