public import Core

/// What happens in an acquisition or a verification, in the order in which it happens: for the progress line, the record
/// that `status` reads, and the manifest's timeline.
public enum Event: Sendable {
    /// The files are made, and nothing has been asked of the source yet. In a verification: the manifest has been read.
    case began(image: String)
    /// The source answers. What is known of it, with what was negotiated.
    case connected(SourceDescription)
    /// How far the work has come; about ten times a second.
    case progress(Progress)
    /// A read was answered with an error, and this is how that ended. On a bad disk there may be very many.
    case readError(ReadErrorRecord)
    /// Every byte was read once, hashed, and written; how many they are.
    case read(sizeBytes: UInt64)
    /// The image is on the disk.
    case synced
    /// The image was read again from the disk, and is what was received.
    case verified
    /// The source's own hashes were compared with the image's: equal, or `nil` where there is nothing to compare with.
    case comparedWithSource(agrees: Bool?)
    /// The work is done. What keeps the result from being what was wished for, the worst first.
    case completed([Manifest.Condition])
    /// Manifest and report are on the disk, and the image has its name.
    case named(image: String)
    /// The end, also after an error.
    case ended(ScoutError?)

    /// How far the work has come, where the event tells that.
    public var progress: Progress? {
        if case .progress(let progress) = self { progress } else { nil }
    }
}
