import Core
import Glibc
import Platform

/// A pipe between a channel and this process.
final class ExchangePipe: Sendable {
    let readEnd: CInt
    let writeEnd: CInt
    private let isClosed = OnceFlag()

    /// - Throws: `ScoutError` (`io`) where no descriptor is left.
    init() throws(ScoutError) {
        let ends = try ScoutError.wrap(PipeEnds())
        readEnd = ends.read
        writeEnd = ends.write
    }

    deinit {
        closeWriteEnd()
        close(readEnd)
    }

    /// Ends the pipe for who reads it. May be called from any thread, and more than once.
    func closeWriteEnd() {
        if isClosed.take() { close(writeEnd) }
    }

    /// Reads what is there, without waiting; empty at the end of the pipe. `nil` where there is nothing yet.
    func read() -> [UInt8]? {
        var ready = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        guard poll(&ready, 1, 0) > 0 else { return nil }
        while true {
            var count = 0
            let piece = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, used in
                count = Glibc.read(readEnd, buffer.baseAddress, buffer.count)
                used = max(count, 0)
            }
            if count < 0, errno == EINTR { continue }
            return piece
        }
    }
}
