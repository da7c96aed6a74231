import CLinux

/// The size of a terminal's window, in cells.
public struct WindowSize: Hashable, Sendable {
    /// How wide it is.
    public var columns: Int
    /// How high it is.
    public var rows: Int

    /// - Parameters:
    ///   - columns: how wide it is.
    ///   - rows: how high it is.
    public init(columns: Int, rows: Int) {
        (self.columns, self.rows) = (columns, rows)
    }

    /// Asks a terminal. The C function is `ioctl` with `TIOCGWINSZ`.
    ///
    /// - Parameter terminal: any descriptor.
    /// - Returns: `nil` where it is no terminal, or one that does not know its size.
    public init?(of terminal: CInt) {
        var (rows, columns) = (UInt16(), UInt16())
        guard clinux_window_size(terminal, &rows, &columns) == 0, columns > 0 else { return nil }
        (self.columns, self.rows) = (Int(columns), Int(rows))
    }
}
