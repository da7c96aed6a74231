import CLinux
import Glibc

/// Bytes and open descriptors, as one message over a Unix socket (`SCM_RIGHTS`, unix(7)).
///
/// Of a stream socket a read may return a part of the bytes: the descriptors come with the first of them.
public struct DescriptorMessage: Sendable {
    /// What came.
    public let bytes: [UInt8]
    /// Close-on-exec, and the receiver's to close.
    public let descriptors: [CInt]

    /// How many descriptors one message can hold.
    public static var mostDescriptors: Int { Int(clinux_most_descriptors) }

    /// Sends bytes, and descriptors with the first of them.
    ///
    /// - Parameters:
    ///   - bytes: one at least.
    ///   - descriptors: at most ``mostDescriptors``; they stay open here.
    ///   - socket: a connected Unix socket.
    /// - Returns: how many bytes were taken; the descriptors have been, then.
    /// - Throws: `SystemError` (`io`); `EAGAIN` where the socket does not block, or has a limit.
    ///
    /// The C function is `sendmsg`.
    public static func send(
        _ bytes: [UInt8], _ descriptors: [CInt], over socket: CInt
    ) throws(SystemError) -> Int {
        while true {
            let count = clinux_send_descriptors(socket, bytes, bytes.count, descriptors, descriptors.count)
            if count >= 0 { return count }
            if errno != EINTR { throw SystemError("sendmsg", code: errno) }
        }
    }

    /// Receives what is there.
    ///
    /// - Parameters:
    ///   - socket: a connected Unix socket.
    ///   - limit: how many bytes to take at most.
    ///   - most: how many descriptors may come with them; none is taken where more do.
    /// - Returns: the message, without bytes at the end of the connection.
    /// - Throws: `SystemError`: `badData` where more descriptors came, or some were lost, as this process has no number left
    ///   for them; all of them are closed then. `io` for all else; `EAGAIN` where the socket does not block.
    ///
    /// The C function is `recvmsg`.
    public static func receive(
        from socket: CInt, limit: Int, most: Int
    ) throws(SystemError) -> DescriptorMessage {
        var bytes = [UInt8](repeating: 0, count: max(limit, 1))
        var descriptors = [CInt](repeating: -1, count: min(max(most, 0), mostDescriptors))
        while true {
            var count = descriptors.count
            var isCut: CInt = 0
            let received = clinux_receive_descriptors(socket, &bytes, bytes.count, &descriptors, &count, &isCut)
            if received < 0 {
                if errno == EINTR { continue }
                throw SystemError("recvmsg", code: errno)
            }
            let came = Array(descriptors[..<count])
            guard isCut == 0 else {
                for descriptor in came { close(descriptor) }
                throw SystemError(.badData, "descriptors that were sent did not arrive")
            }
            return DescriptorMessage(bytes: Array(bytes[..<received]), descriptors: came)
        }
    }
}
