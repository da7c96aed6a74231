public import Core
import Glibc
import Platform
import Synchronization

/// The files of one acquisition: `IMAGE.partial`, `IMAGE.scout.json` and `IMAGE.txt`, made at the start and held to the end.
///
/// `IMAGE` itself is made and given up again at the start, to prove that the file system can give that name without
/// taking it from another file. It then stays free until all is proven: whoever sees `IMAGE` sees a whole image.
/// Only what this process made is ever removed, and a finished manifest never is.
public final class ImageFiles: Sendable {
    private struct State {
        var hasData = false
        var isNaming = false
        var isManifestProven = false
        var isComplete = false
    }

    let names: ImageNames
    private let partial: HeldFile
    private let manifest: HeldFile
    private let report: HeldFile
    /// For writes and reads past the page cache; `nil` where that would not pay.
    let directDescriptor: CInt?
    private let state = Mutex(State())

    /// The image's descriptor, to read and write.
    var descriptor: CInt { partial.descriptor }

    /// Makes the files, empty, and rehearses the last step.
    ///
    /// - Parameter image: the path of the image to make; neither it nor the names beside it may exist.
    /// - Throws: `ScoutError` (`cannotCreate`) where a name is taken or too long, the directory cannot be written or
    ///   synced, or the file system cannot give a name that must not exist. Nothing is left behind then.
    public init(_ image: String) throws(ScoutError) {
        names = ImageNames(image: image)
        try names.check()
        var made: [HeldFile] = []
        do throws(ScoutError) {
            for name in [names.partial, names.manifest, names.report] {
                let file = try HeldFile(name)
                made.append(file)
                guard file.isInPlace else {
                    throw ScoutError(
                        .cannotCreate, "the file system does not find the file that was just created: \(name)",
                        hint: "choose another disk")
                }
            }
            // Only for a better message to a second acquisition: where there is no lock to be had, the names, which exist
            // now, keep it out.
            _ = try? FileLock.take(made[0].descriptor)
            try FileSystem.place(made[0], at: names.image)
            try FileSystem.takeBack(made[0], from: names.image)
            try FileSystem.syncDirectory(of: names.image, failure: .cannotCreate)
        } catch {
            for file in made { file.remove() }
            throw error
        }
        (partial, manifest, report) = (made[0], made[1], made[2])
        directDescriptor = FileSystem.openDirect(names.partial, O_RDWR, as: made[0].descriptor)
    }

    deinit {
        abandon()
        // Writes past the cache were answered for one by one, and what they changed is synced by the other descriptor.
        if let directDescriptor { close(directDescriptor) }
    }

    /// Gives the image its full size, all of it one hole. From here on `IMAGE.partial` stays, whatever happens.
    ///
    /// - Throws: `ScoutError`: `io` where the disk has no room for the whole size, `cannotCreate`.
    func setSize(_ size: UInt64) throws(ScoutError) {
        let free = try FileSystem.freeBytes(for: names.image)
        guard free >= size else {
            throw ScoutError(
                .io,
                "the disk is full: the image needs \(size) bytes, and \(free) are free on the disk of \(names.image)",
                hint: "free some space, or choose another disk")
        }
        guard size <= UInt64(Int64.max) else { throw ScoutError(.io, "a file cannot have \(size) bytes") }
        guard ftruncate(descriptor, off_t(size)) == 0 else {
            throw ScoutError.system(
                .cannotCreate, "the file system cannot hold a file of \(size) bytes at \(names.partial)", errno,
                hint: "choose another disk; 'ulimit -f' shows the limit of this shell")
        }
        state.withLock { $0.hasData = true }
    }

    /// Whether every name still leads to the file that this process made, and the image's own name is free.
    ///
    /// - Throws: `ScoutError` (`cannotCreate`) that says which does not.
    func check() throws(ScoutError) {
        for file in [partial, manifest, report] where !file.isInPlace {
            throw ScoutError(
                .cannotCreate, "\(file.path) was removed or replaced by another process during the acquisition",
                hint: "acquire again, and leave the files beside the image alone")
        }
        if FileSystem.exists(names.image) {
            throw ScoutError(
                .cannotCreate, "another process has created \(names.image) meanwhile, and it is not overwritten",
                hint: "acquire again under another name")
        }
    }

    /// Whether the last step has begun, which looks at the names by itself.
    var isNaming: Bool { state.withLock { $0.isNaming } }

    /// Syncs the image.
    ///
    /// - Throws: `ScoutError`: `io` with the first error that any call reports, `interrupted`.
    func sync(_ cancellation: Cancellation<ScoutError>) throws(ScoutError) {
        try FileSystem.sync(descriptor, path: names.partial, cancellation: cancellation)
    }

    /// What reads the image again from the disk, by the descriptors that it was written with.
    ///
    /// The C function is `posix_fadvise` with `POSIX_FADV_DONTNEED`.
    func reader(size: UInt64) -> FileReader {
        FileSystem.forgetCache(descriptor)
        return FileReader(descriptor: descriptor, direct: directDescriptor, path: names.partial, sizeBytes: size)
    }

    /// Writes manifest and report, and gives the image its name, last: whoever sees the image sees them too.
    ///
    /// - Throws: `ScoutError`. Once the manifest is on the disk it stays, also where a later step fails.
    func complete(manifest bytes: [UInt8], report text: String) throws(ScoutError) {
        state.withLock { $0.isNaming = true }
        try check()
        try manifest.write(bytes)
        state.withLock { $0.isManifestProven = true }
        do throws(ScoutError) {
            try report.write([UInt8](text.utf8))
            try FileSystem.syncDirectory(of: names.image)
            try check()
            try FileSystem.place(partial, at: names.image)
        } catch {
            throw ScoutError(
                error.code, "\(error.message); the image itself is complete, and its manifest is \(names.manifest)",
                hint: "when the cause is fixed: mv -n \(names.partial) \(names.image)")
        }
        state.withLock { $0.isComplete = true }
        try FileSystem.syncDirectory(of: names.image)
    }

    /// Removes what this process made and did not finish; an image with data in it stays as `IMAGE.partial`.
    public func abandon() {
        let state = state.withLock { $0 }
        guard !state.isComplete else { return }
        if !state.isManifestProven {
            manifest.remove()
            report.remove()
        }
        if !state.hasData { partial.remove() }
    }

    /// What an error leaves behind, told with it.
    func explain(_ error: ScoutError) -> ScoutError {
        guard state.withLock({ $0.hasData && !$0.isComplete }), partial.isInPlace else { return error }
        return ScoutError(error.code, "\(error.message); what was read lies in \(names.partial)", hint: error.hint)
    }
}
