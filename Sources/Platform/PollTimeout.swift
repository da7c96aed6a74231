extension Duration {
    /// Whole milliseconds as poll(2) takes them: rounded up, none where the time is past, and the longest that fits
    /// (24 days) where it is longer. Whoever waits looks at the clock again afterwards.
    public var pollTimeout: CInt {
        let milliseconds = (self / .milliseconds(1)).rounded(.up)
        return CInt(min(max(milliseconds, 0), Double(CInt.max)))
    }
}
