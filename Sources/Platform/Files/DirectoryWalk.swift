import CLinux
import Glibc

/// The way down to a private directory, one component at a time.
struct DirectoryWalk {
    private let path: String
    private var current: CInt
    private var shown: String
    private var pending: [String]
    private var links = 0
    /// Whether others can rename what lies here, or put something in its place.
    private var isShared = false

    init(_ path: String) throws(SystemError) {
        self.path = path
        shown = path.hasPrefix("/") ? "" : "."
        pending = path.split(separator: "/").map(String.init).reversed()
        current = Glibc.open(path.hasPrefix("/") ? "/" : ".", clinux_o_path | O_DIRECTORY | O_CLOEXEC)
        guard current >= 0, !path.isEmpty, !path.utf8.contains(0) else {
            throw SystemError(.cannotCreate, path, code: errno)
        }
    }

    func end() { close(current) }

    /// The directory at the end, open for reading.
    func open() throws(SystemError) -> CInt {
        var info = stat()
        guard fstat(current, &info) == 0 else { throw SystemError(.cannotCreate, path, code: errno) }
        guard info.st_uid == geteuid(), info.st_mode & 0o022 == 0 else {
            throw SystemError(.untrusted, "\(path) can be written by others than this user")
        }
        let directory = openat(current, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw SystemError(.cannotCreate, path, code: errno) }
        return directory
    }

    mutating func run() throws(SystemError) {
        try enter(current)
        while let name = pending.popLast() {
            if name == "." { continue }
            var info = stat()
            if fstatat(current, name, &info, AT_SYMLINK_NOFOLLOW) != 0 {
                guard errno == ENOENT, mkdirat(current, name, 0o700) == 0 || errno == EEXIST,
                    fstatat(current, name, &info, AT_SYMLINK_NOFOLLOW) == 0
                else { throw SystemError(.cannotCreate, shown + "/" + name, code: errno) }
            }
            if info.st_mode & S_IFMT == S_IFLNK {
                try follow(name, owner: info.st_uid)
                continue
            }
            let next = openat(current, name, clinux_o_path | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard next >= 0 else { throw SystemError(.cannotCreate, shown + "/" + name, code: errno) }
            close(current)
            current = next
            shown += "/" + name
            try enter(next)
        }
    }

    private mutating func follow(_ name: String, owner: uid_t) throws(SystemError) {
        guard !isShared || owner == 0 || owner == geteuid() else {
            throw SystemError(.untrusted, "\(shown)/\(name) is a link of another user (uid \(owner))")
        }
        links += 1
        var text = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(current, name, &text, text.count)
        guard count > 0, links <= 40 else {
            throw SystemError(.cannotCreate, shown + "/" + name, code: count > 0 ? ELOOP : errno)
        }
        let target = String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if target.hasPrefix("/") {
            let root = Glibc.open("/", clinux_o_path | O_DIRECTORY | O_CLOEXEC)
            guard root >= 0 else { throw SystemError(.cannotCreate, "/", code: errno) }
            close(current)
            current = root
            shown = ""
            isShared = false
        }
        pending += target.split(separator: "/").map(String.init).reversed()
    }

    /// Looks at the directory just entered, by its descriptor.
    private mutating func enter(_ directory: CInt) throws(SystemError) {
        var info = stat()
        guard fstat(directory, &info) == 0 else { throw SystemError(.cannotCreate, shown, code: errno) }
        let isSticky = info.st_mode & S_ISVTX != 0
        if isShared {
            guard info.st_uid == 0 || info.st_uid == geteuid() else {
                throw SystemError(.foreignDirectory, "\(shown) belongs to another user (uid \(info.st_uid))")
            }
            guard info.st_mode & 0o022 == 0 || isSticky else {
                throw SystemError(.untrusted, "\(shown) can be written by others than this user")
            }
        }
        if info.st_mode & 0o002 != 0 {
            guard isSticky || pending.isEmpty else {
                throw SystemError(
                    .openToAll(path: shown), "\(shown) can be written by everybody, who could replace what lies in it")
            }
            isShared = true
        }
    }
}
