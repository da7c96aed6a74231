import Core

/// How one command's result and remarks are written: stdout is the result, stderr is talk.
struct Output: Sendable {
    /// The streams.
    let console: Console
    /// Whether the result is JSON.
    let json: Bool
    /// Whether remarks are left out.
    let quiet: Bool
    /// Whether there are more of them.
    let verbose: Bool

    /// - Parameters:
    ///   - options: what the command line says.
    ///   - console: the streams; the current ones by default.
    init(_ options: GlobalOptions, console: Console = .current) {
        self.console = console
        json = options.json
        quiet = options.quiet
        verbose = options.verbose
    }

    /// For whom a result is written that is not JSON.
    var style: TextStyle { console.style }

    /// Prints a result.
    ///
    /// - Parameters:
    ///   - report: what `--json` prints.
    ///   - page: the same as text, made only if it is needed.
    /// - Throws: `ScoutError` (`io`) where it can't be written.
    func result(_ report: some Report, page: (TextStyle) -> Page) throws {
        try result(json: JSON.encode(report), page: page)
    }

    /// Prints a result whose JSON is made already.
    ///
    /// - Throws: `ScoutError` (`io`) where it can't be written.
    func result(json bytes: @autoclosure () throws -> some Sequence<UInt8>, page: (TextStyle) -> Page) throws {
        if json { return try console.printJSON(String(decoding: Array(try bytes()), as: UTF8.self)) }
        try console.print(page(style))
    }

    /// Prints a remark, unless it is quiet.
    func remark(_ line: String) {
        if !quiet { console.talk(line) }
    }

    /// Prints a remark only where more was asked for.
    func detail(_ line: @autoclosure () -> String) {
        if verbose { console.talk(line()) }
    }
}
