/// Something that is lent only for as long as a body runs, held until it is given back.
struct Loan<Value: Sendable>: Sendable {
    /// What is lent.
    let value: Value
    private let lending: Task<Void, any Error>
    private let end: AsyncStream<Void>.Continuation

    /// Takes it.
    ///
    /// - Parameter lend: runs the body that it is given with what it lends.
    /// - Throws: what `lend` throws before it lends anything.
    static func take(
        _ lend: @escaping @Sendable (_ hold: @escaping @Sendable (Value) async -> Void) async throws -> Void
    ) async throws -> Loan {
        let (values, lent) = AsyncStream.makeStream(of: Value.self)
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let lending = Task {
            defer { lent.finish() }
            try await lend { value in
                lent.yield(value)
                for await _ in ends {}
            }
        }
        return try await withTaskCancellationHandler {
            guard let value = await values.first(where: { _ in true }) else {
                try await lending.value
                throw CancellationError()
            }
            return Loan(value: value, lending: lending, end: end)
        } onCancel: {
            lending.cancel()
        }
    }

    /// Gives it back, and returns when it is put away. Who used it has been told what went wrong with it.
    func giveBack() async {
        end.finish()
        _ = await lending.result
    }
}
