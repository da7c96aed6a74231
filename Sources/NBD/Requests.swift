import CLibNBD
import Glibc

/// A request on its way: what was asked, and what has come back so far.
///
/// libnbd holds it, through `Unmanaged`, from the send until it frees the callbacks.
final class Request {
    let token: Int
    let offset: UInt64
    let count: Int
    let isRead: Bool
    /// What must live until libnbd has let go of the buffer.
    private let owner: AnyObject?
    /// The error that the server answered with, 0 for none.
    var error: CInt = 0
    var extents: [Extent] = []
    /// Zeros shorter than this are of no use to the caller, and count as data: the memory for an answer is bounded by it.
    let shortestZeros: UInt64
    /// The parts of a read that have been filled; neighbours merged, so that one is the rule.
    private var filled: [Range<UInt64>] = []
    /// The parts that the server only named as holes; neighbours merged.
    private(set) var holes: [Range<UInt64>] = []
    /// Whether the answer has broken the protocol already, so that its end is not worth waiting for.
    private(set) var isHopeless = false
    /// The connection's socket, to end an answer that would otherwise go on for ever.
    private let socket: CInt
    /// Data bytes that travelled; a hole that the server only names is not among them.
    private(set) var receivedBytes = 0
    private var filledBytes = 0
    private var parts = 0

    /// The most parts of one answer that are kept; 2 MiB in sectors of 512 bytes are 4096.
    static let mostParts = 4096

    init(
        token: Int, offset: UInt64, count: Int, isRead: Bool, owner: AnyObject?, socket: CInt,
        shortestZeros: UInt64 = 0
    ) {
        self.token = token
        self.offset = offset
        self.count = count
        self.isRead = isRead
        self.owner = owner
        self.socket = socket
        self.shortestZeros = shortestZeros
    }

    func fill(offset: UInt64, count: Int, travelled: Bool) {
        guard !isHopeless else { return }
        parts += 1
        filledBytes += count
        if travelled { receivedBytes += count } else { Self.add(offset, count, to: &holes) }
        Self.add(offset, count, to: &filled)
        // More bytes than were asked for, or an answer in tiny parts: it may never end, so it is ended here.
        if filledBytes > self.count || parts > Self.mostParts { giveUp() }
    }

    /// Ends the connection from inside libnbd's callbacks, where no call on the handle is allowed.
    func giveUp() {
        isHopeless = true
        // Whatever it says: the connection is of no use any more, and the next look at it finds that.
        shutdown(socket, CInt(SHUT_RDWR))
    }

    private static func add(_ offset: UInt64, _ count: Int, to ranges: inout [Range<UInt64>]) {
        if let last = ranges.last, last.upperBound == offset {
            ranges[ranges.count - 1] = last.lowerBound..<offset + UInt64(count)
        } else {
            ranges.append(offset..<offset + UInt64(count))
        }
    }

    /// Whether every byte that was asked for has been filled, and none twice.
    ///
    /// libnbd counts bytes only, and only where a command is retired by `nbd_aio_command_completed`.
    var isWhole: Bool {
        var position = offset
        for part in filled.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            guard part.lowerBound == position else { return false }
            position = part.upperBound
        }
        return position == offset + UInt64(count)
    }

    static func from(_ data: UnsafeMutableRawPointer?) -> Request? {
        data.map { Unmanaged<Request>.fromOpaque($0).takeUnretainedValue() }
    }

    private var retained: UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }

    private static let release: @convention(c) (UnsafeMutableRawPointer?) -> Void = { data in
        if let data { Unmanaged<Request>.fromOpaque(data).release() }
    }

    var completion: nbd_completion_callback {
        nbd_completion_callback(
            callback: { data, error in
                if let request = Request.from(data), let error, error.pointee != 0 { request.error = error.pointee }
                return 0
            }, user_data: retained, free: Self.release)
    }

    var chunk: nbd_chunk_callback {
        nbd_chunk_callback(
            callback: { data, _, count, offset, status, _ in
                if status != UInt32(LIBNBD_READ_ERROR) {
                    let travelled = status == UInt32(LIBNBD_READ_DATA)
                    Request.from(data)?.fill(offset: offset, count: count, travelled: travelled)
                }
                return 0
            }, user_data: retained, free: Self.release)
    }

    var extent: nbd_extent_callback {
        nbd_extent_callback(
            callback: { data, context, offset, entries, count, error in
                guard let request = Request.from(data), let context, let entries,
                    strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0
                else { return 0 }
                let list = UnsafeBufferPointer(start: entries, count: count)
                guard request.extents.isEmpty, offset == request.offset,
                    let extents = Extent.parse(
                        list, from: offset, count: UInt64(request.count), shortestZeros: request.shortestZeros)
                else {
                    error?.pointee = EPROTO
                    return -1
                }
                request.extents = extents
                return 0
            }, user_data: retained, free: Self.release)
    }
}

/// The answer to a request.
public struct Reply: Sendable {
    /// The caller's own mark of the request.
    public let token: Int
    /// What came of it.
    public let outcome: Outcome

    /// What came of a request.
    public enum Outcome: Sendable {
        /// The buffer is filled, every byte of it. The holes, in ascending order, are zeros that the server named and did
        /// not send.
        case read(holes: [Range<UInt64>])
        /// What the range consists of, from its start; it may cover less than was asked, never nothing.
        case extents([Extent])
        /// The server lives and answered with this error (`serverError`). The buffer holds nothing of use.
        case failed(NBDError)
    }
}

extension Connection {
    /// How many requests wait for an answer.
    public var inFlight: Int { pending.count }

    /// Sends a read; the answer comes out of `ConnectionGroup.wait`.
    ///
    /// - Parameters:
    ///   - buffer: filled by the time of the answer; its size is the length of the read.
    ///   - offset: bytes from the start of the export.
    ///   - token: given back with the answer.
    ///   - owner: kept alive for as long as libnbd may write to the buffer.
    /// - Throws: `NBDError`: `usage` for a range outside the export, which is never sent; `connectionLost`.
    ///
    /// The C function is `nbd_aio_pread_structured`.
    public func startRead(
        into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64, token: Int, owner: AnyObject
    ) throws(NBDError) {
        try checkRange(offset, UInt64(buffer.count), "read")
        guard let base = buffer.baseAddress else { throw NBDError(.usage, "read", code: EINVAL, "no buffer") }
        let request = Request(
            token: token, offset: offset, count: buffer.count, isRead: true, owner: owner,
            socket: nbd_aio_get_fd(handle.pointer))
        let cookie = nbd_aio_pread_structured(
            handle.pointer, base, buffer.count, offset, request.chunk, request.completion, 0)
        try enlist(request, cookie: cookie, "read")
    }

    /// Asks what a range consists of; the answer comes out of `ConnectionGroup.wait`.
    ///
    /// - Parameters:
    ///   - offset: bytes from the start of the export.
    ///   - count: bytes, below 4 GiB.
    ///   - shortestZeros: shorter ranges of zeros count as data; 0, the default, keeps all. An answer may have eight
    ///     million ranges, and takes memory for `count / shortestZeros` of them.
    ///   - token: given back with the answer.
    /// - Throws: `NBDError`: `usage` for a range outside the export or a server without block status; `connectionLost`.
    ///
    /// The C function is `nbd_aio_block_status`.
    public func startBlockStatus(
        at offset: UInt64, count: UInt32, shortestZeros: UInt64 = 0, token: Int
    ) throws(NBDError) {
        try checkRange(offset, UInt64(count), "ask for block status")
        guard hasBlockStatus else {
            throw NBDError(.usage, "ask for block status", code: ENOTSUP, "the server does not describe holes")
        }
        let request = Request(
            token: token, offset: offset, count: Int(count), isRead: false, owner: nil, socket: -1,
            shortestZeros: shortestZeros)
        let cookie = nbd_aio_block_status(
            handle.pointer, UInt64(count), offset, request.extent, request.completion, 0)
        try enlist(request, cookie: cookie, "ask for block status")
    }

    /// Reads a small range and waits for it. No other request may be in flight.
    ///
    /// - Parameters:
    ///   - offset: bytes from the start of the export.
    ///   - count: bytes.
    ///   - deadline: how long the server may be silent; 30 s by default.
    /// - Returns: exactly `count` bytes.
    /// - Throws: `NBDError`: `serverError`, `connectionLost`, `usage` for a range outside the export.
    ///
    /// Blocks the calling thread.
    public func read(
        at offset: UInt64, count: Int, deadline: Duration = .seconds(30)
    ) throws(NBDError) -> [UInt8] {
        guard pending.isEmpty else { throw NBDError(.usage, "read", code: EBUSY, "other requests are in flight") }
        if count == 0 { return [] }
        let storage = ReadBuffer(count)
        try startRead(into: storage.bytes, at: offset, token: 0, owner: storage)
        let group = ConnectionGroup([self], inactivityTimeout: deadline)
        while true {
            for reply in try group.wait() {
                if case .failed(let error) = reply.outcome { throw error }
                return [UInt8](storage.bytes)
            }
        }
    }

    private func checkRange(_ offset: UInt64, _ count: UInt64, _ operation: String) throws(NBDError) {
        guard count > 0, count <= sizeBytes, offset <= sizeBytes - count else {
            throw NBDError(
                .usage, operation, code: EINVAL,
                "\(count) bytes at \(offset) are not within an export of \(sizeBytes) bytes")
        }
    }

    private func enlist(_ request: Request, cookie: Int64, _ operation: String) throws(NBDError) {
        try handle.check(cookie, handle.isGone ? .connectionLost : .usage, operation)
        if pending.isEmpty { (lastActivity, lastAnswer) = (.now, .now) }
        pending[cookie] = request
    }

    private final class ReadBuffer {
        let bytes: UnsafeMutableRawBufferPointer
        init(_ count: Int) { bytes = .allocate(byteCount: count, alignment: 16) }
        deinit { bytes.deallocate() }
    }
}
