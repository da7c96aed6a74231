import Glibc

/// What is in a directory, and where links lead.
public enum DirectoryListing {
    /// The names in a directory without `.` and `..`, in no order; none where it can't be read.
    public static func names(in path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        return names(stream)
    }

    /// As ``names(in:)``, of an open stream, which is closed.
    static func names(_ stream: OpaquePointer) -> [String] {
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let bytes = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            let name = String(decoding: bytes, as: UTF8.self)
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Where a symbolic link leads, as it stands there; empty where it is no link or can't be read.
    public static func link(_ path: String) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
