import Glibc
import Platform
import SystemPackage
import Testing

@Suite struct FileTests {
    private static let isRoot = geteuid() == 0

    @Test func aFullDeviceIsSaid() {
        let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
        defer { close(full) }
        #expect([UInt8(1)].withUnsafeBytes { !File.writeAll($0, to: full) } && errno == ENOSPC)
    }

    @Test func aFileThatCannotBeWrittenWholeLeavesTheOldOneAndNothingElse() async {
        await #expect(processExitsWith: .exitCode(7)) {
            SignalAction.ignored.install(for: SIGXFSZ)
            let isKept = try Scratch.with { directory -> Bool in
                try File.replace(directory + "/x", with: Array("old".utf8))
                var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                do throws(SystemError) {
                    try File.replace(directory + "/x", with: [UInt8](repeating: 1, count: 8192))
                    return false
                } catch {
                    guard error.errno == .fileTooLarge else { return false }
                    let kept = try File.read(directory + "/x")
                    return kept == Array("old".utf8) && DirectoryListing.names(in: directory) == ["x"]
                }
            }
            exit(isKept ? 7 : 1)
        }
    }

    @Test func aFileIsReplacedWholeWithItsMode() throws {
        try Scratch.with { directory in
            let path = directory + "/x"
            try File.replace(path, with: Array("old".utf8))
            let held = open(path, O_RDONLY)
            defer { close(held) }
            try File.replace(path, with: Array("new".utf8), mode: 0o644)
            var byte: UInt8 = 0
            #expect(read(held, &byte, 1) == 1 && byte == UInt8(ascii: "o"))
            var info = stat()
            #expect(stat(path, &info) == 0 && info.st_mode & 0o777 == 0o644)
            #expect(DirectoryListing.names(in: directory) == ["x"])
        }
    }

    @Test func throughAUsersLinkTheFileItLeadsToIsWritten() throws {
        try Scratch.with { directory in
            try File.replace(directory + "/real", with: [], mode: 0o640)
            #expect(symlink("real", directory + "/link") == 0)
            if Self.isRoot { #expect(chown(directory + "/real", 65534, 65534) == 0) }
            try File.replaceFollowingLinks(directory + "/link", with: [7])
            #expect(DirectoryListing.link(directory + "/link") == "real")
            var info = stat()
            #expect(stat(directory + "/real", &info) == 0 && info.st_mode & 0o777 == 0o640)
            #expect(info.st_uid == (Self.isRoot ? 65534 : geteuid()))
            #expect(try File.read(directory + "/real") == [7])
            let error = #expect(throws: SystemError.self) {
                try File.replaceFollowingLinks("/dev/null", with: [7])
            }
            #expect(error?.kind == .cannotCreate)
        }
    }

    @Test func linksInACircleLeadNowhere() {
        Scratch.with { directory in
            #expect(symlink("b", directory + "/a") == 0 && symlink("a", directory + "/b") == 0)
            let error = #expect(throws: SystemError.self) { try File.followingLinks(directory + "/a") }
            #expect(error?.errno == .tooManySymbolicLinkLevels)
        }
    }

    @Test func moreThanTheLimitIsNotRead() throws {
        #expect(try File.read("/nothing/here") == nil)
        #expect(throws: SystemError.self) { try File.read("/dev/zero", limit: 100) }
    }

    @Test(arguments: [
        ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\r\nb\r\n", ["a", "b"]), ("a\r\n\r\nb", ["a", "", "b"]),
        ("\n\n", ["", ""]), ("a\rb\n", ["a\rb"]), ("e\u{301}\r\n", ["e\u{301}"]), ("\r\n", [""]),
    ])
    func linesEndWithOrWithoutCarriageReturn(text: String, lines: [String]) {
        #expect(TextLines.of(text) == lines)
        #expect(TextLines.of(Array(text.utf8)) == lines)
    }

    @Test func aTerminalKnowsItsSizeAndAPipeHasNone() throws {
        let ends = try PipeEnds()
        defer { ends.close() }
        #expect(WindowSize(of: ends.read) == nil)
        let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        defer { close(terminal) }
        var size = winsize(ws_row: 5, ws_col: 77, ws_xpixel: 0, ws_ypixel: 0)
        #expect(ioctl(terminal, UInt(TIOCSWINSZ), &size) == 0)
        #expect(WindowSize(of: terminal) == WindowSize(columns: 77, rows: 5))
    }

    @Test func aPlainFileIsNoBlockDevice() {
        let file = open("/dev/null", O_RDONLY)
        defer { close(file) }
        #expect(BlockDevice.isReadOnly(file) == nil && BlockDevice.size(file) == nil)
        #expect(BlockDevice.sectorSize(file) == nil)
    }
}
