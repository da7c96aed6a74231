/// How far an acquisition or a verification has come.
public struct Progress: Hashable, Sendable {
    /// What is being done.
    public enum Phase: String, Hashable, Sendable {
        /// Data travels from the source to the image.
        case reading
        /// The image is read again from the disk.
        case verifying
    }

    /// What is being done.
    public let phase: Phase
    /// Bytes of the image that are done, holes included.
    public let doneBytes: UInt64
    /// The size of the image in bytes.
    public let totalBytes: UInt64
    /// Data bytes that came from the source, holes not included; in `verifying`, that came from the file.
    public let wireBytes: UInt64
    /// Bytes of the image per second, over the last seconds.
    public let bytesPerSecond: UInt64
}

/// Reports progress ten times a second at the most, with the rate of the last five seconds.
struct ProgressMeter {
    private static let interval = Duration.milliseconds(100)
    private static let span = Duration.seconds(5)

    private let phase: Progress.Phase
    private let totalBytes: UInt64
    private let report: (Progress) -> Void
    private var samples: [(at: ContinuousClock.Instant, bytes: UInt64)]

    init(_ phase: Progress.Phase, totalBytes: UInt64, report: @escaping (Progress) -> Void) {
        self.phase = phase
        self.totalBytes = totalBytes
        self.report = report
        samples = [(.now, 0)]
    }

    mutating func update(doneBytes: UInt64, wireBytes: UInt64, isLast: Bool = false) {
        let now = ContinuousClock.now
        guard let latest = samples.last, isLast || now - latest.at >= Self.interval else { return }
        samples.append((now, doneBytes))
        while samples.count > 2, now - samples[0].at > Self.span { samples.removeFirst() }
        let seconds = max((now - samples[0].at) / .seconds(1), 0.001)
        let rate = Double(doneBytes - samples[0].bytes) / seconds
        report(
            Progress(
                phase: phase, doneBytes: doneBytes, totalBytes: totalBytes, wireBytes: wireBytes,
                bytesPerSecond: UInt64(rate)))
    }
}
