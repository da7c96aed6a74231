import Core
import Synchronization

/// Where the bytes go: a hash, a file. Sees every chunk of the image, in order, on a thread of its own.
///
/// What came of it is asked for when `Pipeline.run` has returned: no thread uses a sink any more then.
protocol Sink: AnyObject, Sendable {
    /// Takes one chunk.
    ///
    /// - Parameters:
    ///   - chunk: its bytes are valid until this returns, and are not to be changed.
    ///   - stop: to be looked at now and then by what takes long; returns early once it is set.
    /// - Throws: what then ends the pipeline.
    func take(_ chunk: Chunk, _ stop: StopFlag) throws(ScoutError)
}

/// Says to all threads of a pipeline that what they do is of no use any more.
final class StopFlag: Sendable {
    private let isRaised = Atomic<Bool>(false)

    var isSet: Bool { isRaised.load(ordering: .acquiring) }

    func set() { isRaised.store(true, ordering: .releasing) }
}
