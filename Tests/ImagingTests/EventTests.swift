import Core
import Foundation
import Imaging
import Platform
import Synchronization
import Testing

/// What an acquisition tells of itself, in which order, and that the end is told once, however it came.
@Suite struct EventTests {
    private final class Listener: Sendable {
        private let list = Mutex<[Event]>([])
        var events: [Event] { list.withLock { $0 } }
        func note(_ event: Event) { list.withLock { $0.append(event) } }

        /// The events' names, progress aside.
        var names: [String] {
            events.compactMap { event in
                switch event {
                case .began: "began"
                case .connected: "connected"
                case .progress: nil
                case .readError: "readError"
                case .read: "read"
                case .synced: "synced"
                case .verified: "verified"
                case .comparedWithSource(let agrees): "compared \(agrees.map { "\($0)" } ?? "with nothing")"
                case .completed(let conditions): "completed with \(conditions.count)"
                case .named: "named"
                case .ended(let error): "ended \(error.map(\.code.rawValue) ?? "well")"
                }
            }
        }
    }

    private func run(_ acquisition: Acquisition, _ cancellation: Cancellation<ScoutError>? = nil) async throws
        -> Listener
    {
        let listener = Listener()
        do {
            _ = try await acquisition.run(cancellation: cancellation ?? Cancellation()) { listener.note($0) }
        } catch {
            #expect(error is ScoutError)
        }
        return listener
    }

    @Test func aGoodAcquisitionTellsItsStepsInOrder() async throws {
        let export = try await EvidenceExport(size: 3_000_000)
        let digest = try coreutils(.sha256, export.source)
        let listener = try await run(export.acquisition { [.sha256: digest] })
        #expect(
            listener.names == [
                "began", "connected", "read", "synced", "verified", "compared true", "completed with 0", "named",
                "ended well",
            ])
        guard
            case .connected(let source)? = listener.events.first(where: {
                if case .connected = $0 { true } else { false }
            })
        else { return }
        #expect(source.sizeBytes == 3_000_000 && source.exportReadOnly == true && source.peerAuthentication == "none")
        // Each phase's progress comes between its events, and its last is the whole.
        let phases = listener.events.compactMap(\.progress)
        #expect(phases.last?.phase == .verifying && phases.last?.doneBytes == 3_000_000)
    }

    @Test func whatWasNotAskedForIsNotTold() async throws {
        let export = try await EvidenceExport(size: 100_000)
        var options = Acquisition.Options()
        options.verify = false
        let listener = try await run(export.acquisition(options: options))
        #expect(listener.names == ["began", "connected", "read", "synced", "completed with 0", "named", "ended well"])
    }

    @Test func aReadErrorIsToldAsItIsRecorded() async throws {
        let pread = """
            if [ $4 -lt 1024 ]; then echo EIO bad >&2; exit 1; fi
            dd if=/dev/zero count=$3 bs=1 status=none
            """
        let export = try await EvidenceExport(
            size: 0, ["-r", "eval", "get_size=echo 65536", "pread=\(pread)"])
        let listener = try await run(export.acquisition())
        let errors = listener.events.compactMap { event -> ReadErrorRecord? in
            if case .readError(let record) = event { record } else { nil }
        }
        #expect(errors.filter { $0.outcome == .unreadable }.map(\.offsetBytes).sorted() == [0, 512])
        #expect(errors.allSatisfy { $0.errno == Int(EIO) })
        #expect(listener.names.suffix(3) == ["completed with 1", "named", "ended well"])
    }

    @Test func aFailureIsTheLastThatIsTold() async throws {
        let export = try await EvidenceExport(size: 100_000)
        let wrong = export.acquisition { [.sha256: String(repeating: "0", count: 64)] }
        #expect(try await run(wrong).names.suffix(3) == ["verified", "compared false", "ended failed"])
        let nowhere = export.acquisition(uri: "nbd://127.0.0.1:1/x", image: export.directory + "/y.dd")
        #expect(try await run(nowhere).names == ["began", "ended unreachable"])
        let taken = export.acquisition(image: export.source)
        #expect(try await run(taken).names == ["ended cannotCreate"])
        let cancellation = try Cancellation()
        cancellation.cancel()
        let never = export.acquisition(image: export.directory + "/z.dd")
        #expect(try await run(never, cancellation).names == ["ended interrupted"])
    }

    @Test func aVerificationTellsItsVerdict() async throws {
        let export = try await EvidenceExport(size: 100_000)
        _ = try await export.acquisition().run()
        for (names, change) in [("completed with 0", false), ("completed with 2", true)] {
            if change { try writeBytes([1, 2, 3], to: export.image, at: 50_000) }
            let listener = Listener()
            let verification = Verification(image: export.image, version: "1", command: "")
            _ = try await verification.run(cancellation: Cancellation()) { listener.note($0) }
            #expect(listener.names == ["began", "read", names, "ended well"])
        }
    }

    /// Cancelled while any event is told: it ends as interrupted with nothing but the partial image, or it was done already.
    @Test(arguments: 1...14 as ClosedRange<UInt64>)
    func cancellingAtAnyEventLeavesAPartialImageOrAWholeOne(seed: UInt64) async throws {
        var random = Seeded(state: seed)
        let export = try await EvidenceExport(size: 9_000_000, seed: seed)
        let digest = try coreutils(.sha256, export.source)
        let cancellation = try Cancellation()
        let listener = Listener()
        let moment = Int.random(in: 1...14, using: &random)
        let acquisition = export.acquisition { [.sha256: digest] }
        var error: ScoutError?
        do {
            _ = try await acquisition.run(cancellation: cancellation) { event in
                listener.note(event)
                if listener.events.count == moment { cancellation.cancel() }
            }
        } catch let caught as ScoutError {
            error = caught
        }
        let names = listener.names
        if let error {
            #expect(error.code == .interrupted && names.last == "ended interrupted" && !names.contains("named"))
            #expect(export.remains == (names.contains("connected") ? ["image.dd.partial"] : []), "\(names)")
        } else {
            #expect(names.suffix(2) == ["named", "ended well"])
            #expect(export.remains == ["image.dd", "image.dd.scout.json", "image.dd.txt"])
        }
        #expect(names.filter { $0.hasPrefix("ended") }.count == 1)
    }

    /// The manifest's times are the events' own.
    @Test func theTimelineIsTheEvents() async throws {
        let export = try await EvidenceExport(size: 100_000)
        let before = Date()
        let result = try await export.acquisition().run()
        let format = Date.ISO8601FormatStyle()
        let started = try format.parse(result.manifest.startedAt)
        let finished = try format.parse(result.manifest.finishedAt)
        #expect(started <= finished && started >= before - 1 && finished <= Date())
        #expect(result.manifest.averageBytesPerSecond > 0)
    }
}
