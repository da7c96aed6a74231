import Glibc
import Platform
import Testing

/// The way to a private directory leads past nothing that another user could exchange.
@Suite struct PrivateDirectoryTests {
    private static let isRoot = geteuid() == 0
    /// Any user but this one.
    private static let stranger: uid_t = 65534

    /// A directory that everybody may write to, like `/tmp`, while the body runs.
    private func withSharedDirectory(mode: mode_t = 0o1777, _ body: (String) throws -> Void) rethrows {
        let path = "/tmp/scout-private-\(UInt32.random(in: 0 ... .max))"
        mkdir(path, 0o700)
        chmod(path, mode)
        defer { removeAll(path) }
        try body(path)
    }

    private func removeAll(_ path: String) {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                var info = stat()
                guard name != ".", name != "..", lstat("\(path)/\(name)", &info) == 0 else { continue }
                if info.st_mode & S_IFMT == S_IFDIR { removeAll("\(path)/\(name)") } else { unlink("\(path)/\(name)") }
            }
            closedir(directory)
        }
        rmdir(path)
    }

    private func refusal(_ path: String) -> SystemError.Kind? {
        do throws(SystemError) {
            _ = try PrivateDirectory(path)
            return nil
        } catch {
            return error.kind
        }
    }

    @Test func itIsMadeWithItsParentsBelowASharedDirectory() throws {
        try withSharedDirectory { shared in
            let directory = try PrivateDirectory(shared + "/a/b")
            try directory.replace("x", with: "text".utf8)
            #expect(try File.read(shared + "/a/b/x") == Array("text".utf8))
            #expect(symlink(shared + "/a", shared + "/own") == 0)
            #expect(try PrivateDirectory(shared + "/own/b").read("x") == Array("text".utf8))
            #expect(refusal(shared + "/own/../a/./b") == nil)
        }
    }

    @Test(.enabled(if: isRoot, "needs root for another user's files"))
    func nothingOfAnotherUserIsOnTheWay() throws {
        withSharedDirectory { shared in
            for name in ["theirs", "theirs/mine"] { mkdir("\(shared)/\(name)", 0o755) }
            chown(shared + "/theirs", Self.stranger, Self.stranger)
            #expect(refusal(shared + "/theirs/mine") == .foreignDirectory)
            mkdir(shared + "/mine", 0o700)
            #expect(symlink(shared + "/mine", shared + "/link") == 0)
            lchown(shared + "/link", Self.stranger, Self.stranger)
            #expect(refusal(shared + "/link") == .untrusted)
            #expect(refusal(shared + "/link/run") == .untrusted)
            #expect(refusal(shared + "/mine/run") == nil)
        }
    }

    @Test func directoriesThatOthersCanWriteToAreRefused() throws {
        withSharedDirectory { shared in
            mkdir(shared + "/open", 0o700)
            mkdir(shared + "/open/inner", 0o700)
            chmod(shared + "/open", 0o775)
            #expect(refusal(shared + "/open/inner") == .untrusted)
            #expect(refusal(shared + "/open") == .untrusted)
        }
        withSharedDirectory(mode: 0o777) { #expect(refusal($0 + "/run") == .untrusted) }
    }

    @Test func whatIsNoPlainFileIsNotOpened() throws {
        try withSharedDirectory { shared in
            let directory = try PrivateDirectory(shared + "/run")
            #expect(mkfifo(shared + "/run/fifo", 0o600) == 0)
            #expect(mkdir(shared + "/run/directory", 0o700) == 0)
            #expect(symlink("/etc/passwd", shared + "/run/link") == 0)
            for name in ["fifo", "directory", "link"] {
                for flags in [O_RDONLY, O_WRONLY, O_RDWR | O_CREAT] {
                    let error = #expect(throws: SystemError.self, "\(name)") { _ = try directory.open(name, flags) }
                    #expect(error?.kind == .notPlainFile, "\(name) \(flags) \(String(describing: error))")
                }
            }
            #expect(try directory.read("nothing") == nil)
            #expect(refusal(shared + "/run/fifo") == .cannotCreate)
        }
    }

    @Test(.enabled(if: isRoot, "needs root for another user's files"))
    func anotherUsersFileIsNotRead() throws {
        try withSharedDirectory { shared in
            let directory = try PrivateDirectory(shared + "/run")
            try directory.replace("x", with: "text".utf8)
            chown(shared + "/run/x", Self.stranger, Self.stranger)
            let error = #expect(throws: SystemError.self) { _ = try directory.read("x") }
            #expect(error?.kind == .notPlainFile)
        }
    }

    @Test func aTimeThatDoesNotFitIsTheLongest() {
        #expect(Duration.seconds(25 * 86400).pollTimeout == CInt.max)
        #expect(Duration.seconds(Int64.max).pollTimeout == CInt.max)
        #expect(Duration.milliseconds(-5).pollTimeout == 0)
        #expect(Duration.microseconds(1).pollTimeout == 1)
    }
}
