import CLibNBD
import Glibc

/// What protects a connection that is made over an already connected socket.
public enum TransportSecurity: Hashable, Sendable {
    /// Plain text.
    case off
    /// TLS is required, with a pre-shared key: the user's name, and the path of a file of `USER:HEX` lines.
    case psk(user: String, keyFile: String)
}

/// One connection to one export of an NBD server, ready for requests.
///
/// Owns a libnbd handle, freed in `deinit`. A connection and the group it is polled in belong to one thread at a time.
public final class Connection {
    let handle: NBDHandle
    /// Requests sent and not yet answered, by libnbd's cookie.
    var pending: [Int64: Request] = [:]
    /// When bytes last came in, or when an idle connection was given work.
    var lastActivity = ContinuousClock.now
    /// When an answer was last complete, or when an idle connection was given work.
    var lastAnswer = ContinuousClock.now

    /// The size of the export in bytes.
    public let sizeBytes: UInt64
    /// Whether the server refuses writes to this export.
    public let isReadOnly: Bool
    /// Whether several connections see the same bytes.
    public let canMultiConn: Bool
    /// Whether TLS was negotiated, as the handle says and not as the URI wished.
    public let isEncrypted: Bool
    /// Whether the server describes holes (`base:allocation`).
    public let hasBlockStatus: Bool
    /// The export's name, canonical where the server gave one.
    public let exportName: String
    /// The block sizes that the server advertises.
    public let blockSize: BlockSize

    /// Block sizes in bytes, with the protocol's defaults where the server advertises none.
    public struct BlockSize: Hashable, Sendable {
        /// Requests are multiples of this: 512 by default.
        public let minimum: Int
        /// What suits the server best: 4096 by default.
        public let preferred: Int
        /// The longest read: 32 MiB by default.
        public let maximum: Int
    }

    /// Data bytes received in answers to reads, headers not counted.
    public internal(set) var receivedBytes: UInt64 = 0

    /// Connects to a server by URI and negotiates.
    ///
    /// With the schemes `nbds` and `nbds+unix` TLS is required: a server that offers none is refused (CVE-2019-14842).
    /// They need a pre-shared key: certificates are not looked at by every libnbd in the field (CVE-2024-7383: 1.14 takes
    /// any certificate for any name), so without a key TLS would keep a secret with somebody unknown.
    ///
    /// - Parameters:
    ///   - uri: where to, and which export.
    ///   - allowsHoles: whether the server may describe holes, and name them in place of data; `true` by default.
    ///     Otherwise it has to send every byte, for the protocol's structured replies are not asked for.
    ///   - deadline: how long connecting and negotiating may take together; 10 s by default.
    ///   - wake: a descriptor that ends the wait as soon as it is readable; none by default.
    /// - Throws: `NBDError` (`unauthenticated`, also for a key file that cannot be used; `connect`, `tls`, `timedOut`,
    ///   `interrupted`).
    ///
    /// Blocks the calling thread until the deadline at the most; a name is looked up by the system's resolver, which
    /// has a deadline of its own. The C function is `nbd_aio_connect_uri`.
    public convenience init(
        uri: NBDURI, allowsHoles: Bool = true, deadline: Duration = .seconds(10), wake: CInt? = nil
    ) throws(NBDError) {
        if uri.requiresTLS {
            guard let file = uri.pskFile else {
                throw NBDError(
                    .unauthenticated, "connect", code: EACCES,
                    "\(uri.withoutQuery) asks for TLS without a key, so that nothing proves who the server is")
            }
            try PresharedKeyFile.check(file, user: uri.user)
        }
        let handle = try Self.prepared()
        if !allowsHoles {
            try handle.check(
                nbd_set_request_structured_replies(handle.pointer, false), .usage, "ask for plain replies")
        }
        try handle.check(nbd_set_uri_allow_local_file(handle.pointer, uri.pskFile != nil), .usage, "connect")
        let tls = uri.requiresTLS ? LIBNBD_TLS_REQUIRE : LIBNBD_TLS_DISABLE
        try handle.check(nbd_set_uri_allow_tls(handle.pointer, tls), .usage, "connect")
        try handle.check(nbd_aio_connect_uri(handle.pointer, uri.text), .connect, "connect")
        try self.init(handle, requiresTLS: uri.requiresTLS, deadline: deadline, wake: wake)
    }

    /// Negotiates over a socket that is already connected to a server.
    ///
    /// - Parameters:
    ///   - socket: taken over, and closed with the connection, or at once where this throws.
    ///   - exportName: empty for the default export.
    ///   - security: plain text, or TLS with a pre-shared key, which is then required.
    ///   - deadline: how long the negotiation may take; 10 s by default.
    ///   - wake: a descriptor that ends the wait as soon as it is readable; none by default.
    /// - Throws: `NBDError` (`unauthenticated`, `connect`, `tls`, `timedOut`, `interrupted`).
    ///
    /// The C function is `nbd_aio_connect_socket`.
    public convenience init(
        socket: CInt, exportName: String, security: TransportSecurity = .off, deadline: Duration = .seconds(10),
        wake: CInt? = nil
    ) throws(NBDError) {
        let handle: NBDHandle
        do {
            if case .psk(let user, let keyFile) = security { try PresharedKeyFile.check(keyFile, user: user) }
            handle = try Self.prepared()
            try handle.check(nbd_set_export_name(handle.pointer, exportName), .usage, "set the export's name")
            if case .psk(let user, let keyFile) = security {
                try handle.check(nbd_set_tls(handle.pointer, LIBNBD_TLS_REQUIRE), .tls, "require TLS")
                try handle.check(nbd_set_tls_username(handle.pointer, user), .tls, "set the TLS user")
                try handle.check(nbd_set_tls_psk_file(handle.pointer, keyFile), .tls, "set the TLS key file")
            }
        } catch {
            close(socket)
            throw error
        }
        // From here on libnbd closes the socket, also where the call fails.
        try handle.check(nbd_aio_connect_socket(handle.pointer, socket), .connect, "connect")
        try self.init(handle, requiresTLS: security != .off, deadline: deadline, wake: wake)
    }

    private init(_ handle: NBDHandle, requiresTLS: Bool, deadline: Duration, wake: CInt?) throws(NBDError) {
        try Self.negotiate(handle, requiresTLS: requiresTLS, deadline: deadline, wake: wake)
        let pointer = handle.pointer
        self.handle = handle
        let size = try handle.check(nbd_get_size(pointer), .protocolViolation, "get the size")
        guard size >= 0 else { throw NBDError(.protocolViolation, "get the size", "the server says \(size) bytes") }
        sizeBytes = UInt64(size)
        isReadOnly = try handle.check(nbd_is_read_only(pointer), .protocolViolation, "get the flags") == 1
        canMultiConn = try handle.check(nbd_can_multi_conn(pointer), .protocolViolation, "get the flags") == 1
        isEncrypted = try handle.check(nbd_get_tls_negotiated(pointer), .protocolViolation, "get the TLS state") == 1
        guard isEncrypted || !requiresTLS else {
            throw NBDError(.tls, "connect", "TLS is required and was not negotiated")
        }
        hasBlockStatus = nbd_can_meta_context(pointer, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1
        let name = nbd_get_canonical_export_name(pointer) ?? nbd_get_export_name(pointer)
        defer { free(name) }
        exportName = name.map { String(cString: $0) } ?? ""
        blockSize = BlockSize(
            minimum: Self.blockSize(pointer, LIBNBD_SIZE_MINIMUM, or: 512),
            preferred: Self.blockSize(pointer, LIBNBD_SIZE_PREFERRED, or: 4096),
            maximum: Self.blockSize(pointer, LIBNBD_SIZE_MAXIMUM, or: 32 << 20))
        // The protocol's own bounds; libnbd 1.14 lets some others through.
        guard blockSize.minimum <= 64 << 10, blockSize.minimum.nonzeroBitCount == 1,
            blockSize.maximum >= blockSize.minimum
        else {
            throw NBDError(
                .protocolViolation, "get the block sizes", code: EPROTO,
                "the server says \(blockSize.minimum) to \(blockSize.maximum) bytes")
        }
    }

    /// The version of the libnbd that is in use, for records.
    public static var libraryVersion: String {
        guard let handle = try? NBDHandle(), let text = nbd_get_version(handle.pointer) else { return "unknown" }
        return String(cString: text)
    }

    private static func prepared() throws(NBDError) -> NBDHandle {
        let handle = try NBDHandle()
        let pointer = handle.pointer
        try handle.check(nbd_set_tls(pointer, LIBNBD_TLS_DISABLE), .usage, "set TLS")
        try handle.check(nbd_set_full_info(pointer, true), .usage, "ask for full information")
        try handle.check(
            nbd_add_meta_context(pointer, LIBNBD_CONTEXT_BASE_ALLOCATION), .usage, "ask for block status")
        // Every answer is checked to have filled its whole range, so that clearing the buffers first is wasted work.
        try handle.check(nbd_set_pread_initialize(pointer, false), .usage, "set the buffers' use")
        // Unaligned requests are left to the server: else the tail of an odd-sized export could not be asked for.
        let strict = nbd_get_strict_mode(pointer) & ~UInt32(LIBNBD_STRICT_ALIGN)
        try handle.check(nbd_set_strict_mode(pointer, strict), .usage, "set the strict mode")
        return handle
    }

    private static func negotiate(
        _ handle: NBDHandle, requiresTLS: Bool, deadline: Duration, wake: CInt?
    ) throws(NBDError) {
        let watch = HandshakeWatch(deadline: deadline)
        defer { watch.stop() }
        do throws(NBDError) {
            try negotiate(handle, requiresTLS: requiresTLS, deadline: deadline, wake: wake, watch)
        } catch {
            throw watch.verdict ?? error
        }
    }

    private static func negotiate(
        _ handle: NBDHandle, requiresTLS: Bool, deadline: Duration, wake: CInt?, _ watch: HandshakeWatch
    ) throws(NBDError) {
        let end = ContinuousClock.now + deadline
        // Where TLS is required, a server that has spoken and then ends the handshake is one that TLS failed with.
        var hasSpoken = false
        while nbd_aio_is_ready(handle.pointer) != 1 {
            guard !handle.isGone else { throw .last(requiresTLS && hasSpoken ? .tls : .connect, "connect") }
            guard let interest = handle.interest() else {
                throw NBDError(.connect, "connect", code: ENOTCONN, "there is no socket to wait for")
            }
            watch.watch(interest.fd)
            var descriptors = [interest] + (wake.map { [pollfd(fd: $0, events: Int16(POLLIN), revents: 0)] } ?? [])
            if try pollUntil(&descriptors, end, "connect") == 0 {
                let seconds = Int((deadline / .seconds(1)).rounded(.up))
                let what = hasSpoken ? "the handshake did not end" : "no NBD server answered"
                throw NBDError(.timedOut, "connect", code: ETIMEDOUT, "\(what) within \(seconds) s")
            }
            if descriptors.count > 1, descriptors[1].revents != 0 {
                throw NBDError(.interrupted, "connect", code: EINTR, "interrupted")
            }
            hasSpoken = hasSpoken || handle.hasUnreadBytes
            _ = try handle.notify(descriptors[0], requiresTLS && hasSpoken ? .tls : .connect, "connect")
        }
    }

    private static func blockSize(_ pointer: OpaquePointer, _ type: CInt, or standard: Int) -> Int {
        let size = nbd_get_block_size(pointer, type)
        return size > 0 ? Int(clamping: size) : standard
    }
}
