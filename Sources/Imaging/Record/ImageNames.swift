import Core

/// The names of the files that one acquisition makes.
struct ImageNames: Sendable {
    let image: String
    var partial: String { image + ".partial" }
    var manifest: String { image + ".scout.json" }
    var report: String { image + ".txt" }

    /// Refuses what is not the name of a file, and to touch anything that is already there.
    func check() throws(ScoutError) {
        let name = image.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        guard !["", ".", ".."].contains(name) else {
            throw ScoutError(.cannotCreate, "'\(image)' is not the name of a file", hint: "name the image to make")
        }
        for name in [image, partial, manifest, report] where FileSystem.exists(name) {
            if name == partial, FileSystem.isLocked(name) {
                throw ScoutError(
                    .cannotCreate, "another acquisition of \(image) is running",
                    hint: "choose another path for the image")
            }
            throw ScoutError(
                .cannotCreate, "\(name) already exists, and is not overwritten",
                hint: "choose another path for the image, or move \(name) out of the way")
        }
    }
}
