import Core
import Glibc

/// An image in the making, under a name that nobody takes for a whole one: `IMAGE.partial`.
///
/// The file stays when the work fails; only `complete` gives it its name.
final class PartialImage: Sendable {
    /// The names that one acquisition uses.
    struct Names: Sendable {
        let image: String
        var partial: String { image + ".partial" }
        var manifest: String { image + ".scout.json" }
        var report: String { image + ".txt" }

        /// Refuses to touch anything that is already there.
        func checkFree() throws(ScoutError) {
            for name in [image, partial, manifest, report] where FileSystem.exists(name) {
                throw ScoutError(
                    .cannotCreate, "\(name) already exists, and nothing is ever overwritten",
                    hint: "choose another path for the image, or move \(name) out of the way")
            }
        }
    }

    let names: Names
    let size: UInt64
    let descriptor: CInt
    /// For writes past the page cache; `nil` where that would not pay.
    let directDescriptor: CInt?

    /// Creates the file with its full size, all of it one hole.
    ///
    /// - Throws: `ScoutError`: `cannotCreate`, or `io` where the disk has no room for the whole size.
    init(_ names: Names, size: UInt64) throws(ScoutError) {
        let free = try FileSystem.freeBytes(for: names.image)
        guard free >= size else {
            throw ScoutError(
                .io,
                "the disk is full: the image needs \(size) bytes, and \(free) are free where \(names.image) would lie",
                hint: "free some space, or choose another disk")
        }
        guard size <= UInt64(Int64.max) else { throw ScoutError(.io, "\(size) bytes are more than a file can hold") }
        self.names = names
        self.size = size
        descriptor = try FileSystem.create(names.partial)
        guard ftruncate(descriptor, off_t(size)) == 0 else {
            let code = errno
            close(descriptor)
            unlink(names.partial)
            throw ScoutError.system(
                .cannotCreate, "the file system cannot hold a file of \(size) bytes at \(names.partial)", code,
                hint: "choose another disk")
        }
        directDescriptor = FileSystem.openDirect(names.partial, as: descriptor)
    }

    deinit {
        close(descriptor)
        if let directDescriptor { close(directDescriptor) }
    }

    /// Reads the file again from its medium and hashes it.
    ///
    /// The C functions are `posix_fadvise` with `POSIX_FADV_DONTNEED`, and `pread`.
    func reread(
        _ algorithms: [HashAlgorithm], cancellation: Cancellation, progress: @escaping (Progress) -> Void
    ) throws(ScoutError) -> [HashAlgorithm: String] {
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
        return try Pipeline.run(algorithms) { ring throws(ScoutError) in
            let reader = FileReader(
                descriptor: descriptor, path: names.partial, size: size, ring: ring, cancellation: cancellation)
            try reader.run(progress: progress)
        }
    }

    /// Puts manifest and report in place, and gives the image its name, last: whoever sees the image sees them too.
    func complete(manifest: [UInt8], report: String) throws(ScoutError) {
        var placed: [String] = []
        do throws(ScoutError) {
            for (name, bytes) in [(names.manifest, manifest), (names.report, [UInt8](report.utf8))] {
                let temporary = name + ".partial"
                defer { unlink(temporary) }
                try FileSystem.write(bytes, to: temporary)
                try FileSystem.renameNew(temporary, to: name)
                placed.append(name)
            }
            try FileSystem.syncDirectory(of: names.image)
            try FileSystem.renameNew(names.partial, to: names.image)
        } catch {
            for name in placed { unlink(name) }
            throw error
        }
        try FileSystem.syncDirectory(of: names.image)
    }
}
