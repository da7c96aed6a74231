import Core
import Testing

@testable import Diagnostics

/// What is lent for as long as a body runs, held across others.
@Suite(.timeLimit(.minutes(1))) struct LoanTests {
    @Test func whatIsLentIsPutAwayWhenItIsGivenBack() async throws {
        let open = Count()
        let loan = try await Loan<Int>.take { hold in
            open.add(1)
            await hold(7)
            // Whoever gives it back knows that this has happened.
            try? await Task.sleep(for: .milliseconds(20))
            open.add(-1)
        }
        #expect(loan.value == 7 && open.now == 1)
        await loan.giveBack()
        #expect(open.now == 0)
        await loan.giveBack()
    }

    @Test func whoLendsNothingSaysWhy() async {
        let failure = ScoutError(.busy, "no port is free")
        await #expect(throws: failure) { try await Loan<Int>.take { _ in throw failure } }
        await #expect(throws: CancellationError.self) { try await Loan<Int>.take { _ in } }
    }

    /// A lender that never comes to it is called off with who waits.
    @Test func whoGivesUpWaitingCallsTheLenderOff() async {
        let waiting = Task {
            _ = try await Loan<Int>.take { hold in
                try await Task.sleep(for: .seconds(3600))
                await hold(7)
            }
        }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    /// Who has it back late has told of it already: a lender that fails afterwards changes nothing.
    @Test func aLenderMayFailAfterwards() async throws {
        let loan = try await Loan<Int>.take { hold in
            await hold(7)
            throw ScoutError(.unreachable, "link lost")
        }
        await loan.giveBack()
        #expect(loan.value == 7)
    }
}
