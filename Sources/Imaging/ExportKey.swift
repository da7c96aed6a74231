import Core
import Glibc
import NBD
import Platform

/// A pre-shared key for one export, in a file as libnbd reads it.
struct ExportKey {
    static let user = "scout"

    let secret = PresharedKey(user: user)
    /// A few digits that name the export, and tell nothing of the key.
    let mark: String
    /// The file, readable by this user only.
    let path: String

    /// Held for as long as the key is needed: what nobody holds is a dead process's, and is removed by the next one.
    private let lock: CInt
    private let directory: PrivateDirectory
    private let name: String

    /// Makes a key, and removes those of the dead.
    ///
    /// - Parameter path: the directory, which is made where it is missing; private to the user.
    /// - Throws: `ScoutError`: `cannotCreate`, `refused`, `io`.
    init(in path: String) throws(ScoutError) {
        var generator = SystemRandomNumberGenerator()
        mark = (0..<3).map { _ in UInt8.random(in: 0 ... .max, using: &generator) }.hexadecimal
        directory = try ScoutError.wrap(PrivateDirectory(path))
        for old in directory.names() where old.hasSuffix(".psk") {
            guard let found = try? directory.takeLock(old) else { continue }
            directory.remove(old)
            close(found)
        }
        name = "\(mark)-\(getpid()).psk"
        self.path = "\(path)/\(name)"
        guard let lock = try ScoutError.wrap(directory.takeLock(name)) else {
            throw ScoutError(.cannotCreate, "\(self.path) is in use")
        }
        self.lock = lock
        guard Array(secret.fileText.utf8).withUnsafeBytes({ File.writeAll($0, to: lock) }) else {
            let reason = String(cString: strerror(errno))
            remove()
            throw ScoutError(.io, "\(self.path): \(reason)")
        }
    }

    /// Ends the key's time.
    func remove() {
        directory.remove(name)
        close(lock)
    }
}
