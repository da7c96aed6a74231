import CLibSSH
import Glibc
import Platform

/// What came of reading a private key's file; whoever gets the key frees it.
enum PrivateKey {
    case key(ssh_key)
    /// It is encrypted, and the passphrase is missing or wrong.
    case needsPassphrase
    /// It is no private key that libssh can read.
    case unreadable
}

extension Session {
    /// Reads a private key: `ssh_pki_import_privkey_file`.
    func privateKey(_ path: String, passphrase: String?) -> PrivateKey {
        // libssh calls back when it finds the key encrypted; a passphrase can't be asked for inside a C callback.
        var wasAsked = false
        var key: ssh_key?
        let status = withUnsafeMutablePointer(to: &wasAsked) {
            ssh_pki_import_privkey_file(path, passphrase, refusePassphrase, $0, &key)
        }
        if status == SSH_OK, let key { return .key(key) }
        // With a passphrase it asks no more: what fails then fails for the passphrase.
        return wasAsked || passphrase != nil ? .needsPassphrase : .unreadable
    }

    /// The public half, from a private key in OpenSSH's own format, which carries it in the clear, or from `PATH.pub`.
    func publicKey(of path: String) -> ssh_key? {
        var key: ssh_key?
        if ssh_pki_import_pubkey_file(path, &key) == SSH_OK { return key }
        return ssh_pki_import_pubkey_file(path + ".pub", &key) == SSH_OK ? key : nil
    }

    /// Connects to a Unix stream socket, for blocking use: `connect`.
    func connectUnix(_ path: String) throws(SSHError) -> CInt {
        let descriptor: CInt
        // Without blocking, so that a listener that accepts nobody is an error at once.
        do { descriptor = try UnixSocket.make(isNonblocking: true) } catch { throw .local(error) }
        do throws(SystemError) {
            let status = try UnixAddress.withSocketAddress(path) { Glibc.connect(descriptor, $0, $1) }
            if status == 0, fcntl(descriptor, F_SETFL, 0) == 0 { return descriptor }
        } catch {
            Glibc.close(descriptor)
            throw .local(error)
        }
        let failure = SSHError.local("connecting to \(path)")
        Glibc.close(descriptor)
        throw failure
    }
}

private func refusePassphrase(
    _: UnsafePointer<CChar>?, _: UnsafeMutablePointer<CChar>?, _: Int, _: CInt, _: CInt,
    userdata: UnsafeMutableRawPointer?
) -> CInt {
    userdata?.assumingMemoryBound(to: Bool.self).pointee = true
    return -1
}
