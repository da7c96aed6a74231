import Glibc

/// Files and directories of this machine, as TAB offers them: the names in one directory.
struct PathCandidates {
    /// The user's home directory.
    let home: String
    /// The endings that a file must have one of, without the point; any where there is none.
    var extensions: [String] = []
    /// Whether files are left out.
    var directoriesOnly = false

    /// - Parameters:
    ///   - word: the word at the cursor.
    ///   - kept: where in its text the path begins.
    func complete(_ word: ShellWord, from kept: Int) -> Completion {
        let path = word.text[kept...]
        let start = path.lastIndex(of: "/").map { $0 + 1 } ?? kept
        var directory = String(String.UnicodeScalarView(path[..<start]))
        // A tilde that the shell takes for the home directory begins the word, without quotes.
        if word.raw.first == "~" {
            guard directory.hasPrefix("~/") else { return Completion() }
            directory = home + directory.dropFirst()
        }
        let isHidden = path[start...].first == "."
        let candidates = Self.entries(directory.isEmpty ? "." : directory)
            .filter { isHidden || !$0.name.hasPrefix(".") }
            .filter { $0.isDirectory || !directoriesOnly && fits($0.name) }
            .sorted { $0.name < $1.name }
            .map { Candidate(value: $0.isDirectory ? $0.name + "/" : $0.name, continues: $0.isDirectory) }
        return Completion(kept: start, of: word.string, candidates)
    }

    private func fits(_ name: String) -> Bool {
        extensions.isEmpty || extensions.contains { name.hasSuffix("." + $0) }
    }

    /// The first few thousand entries: nobody reads more.
    private static func entries(_ path: String) -> [(name: String, isDirectory: Bool)] {
        guard let directory = opendir(path) else { return [] }
        // Nothing was written: closing has nothing to report.
        defer { closedir(directory) }
        var found: [(name: String, isDirectory: Bool)] = []
        while found.count < 4096, let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let name, name != ".", name != ".." else { continue }
            var isDirectory = entry.pointee.d_type == UInt8(DT_DIR)
            if entry.pointee.d_type == UInt8(DT_LNK) || entry.pointee.d_type == UInt8(DT_UNKNOWN) {
                var info = stat()
                isDirectory = fstatat(dirfd(directory), name, &info, 0) == 0 && info.st_mode & S_IFMT == S_IFDIR
            }
            found.append((name, isDirectory))
        }
        return found
    }
}
