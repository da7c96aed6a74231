/// A word of a command line as it was typed, and as the shell will hand it to the program.
struct ShellWord: Hashable, Sendable {
    /// The quotes that are open at the word's end.
    enum Quote: Hashable, Sendable {
        case none
        case single
        case double
    }

    /// As typed.
    var raw: [Unicode.Scalar] = []
    /// As the program gets it.
    var text: [Unicode.Scalar] = []
    /// The quotes that are still open.
    var quote = Quote.none
    /// How many scalars of ``raw`` make the first n of ``text``; one more entry than `text` has scalars.
    var ends = [0]
    /// Whether the shell will put something else in place of a part: a variable, a command's output, a pattern.
    var expands = false
    /// Whether it ends in a backslash that still waits for its character.
    var isDangling = false

    /// The text as a string.
    var string: String { String(String.UnicodeScalarView(text)) }

    /// What is typed, without a backslash that waits for its character.
    var settled: [Unicode.Scalar] { isDangling ? Array(raw.dropLast()) : raw }
}

/// A command line up to the cursor, taken apart as a shell does.
struct ShellLine: Hashable, Sendable {
    /// The words before the one at the cursor, the program's name among them, without redirections.
    var words: [String] = []
    /// The word at the cursor.
    var current = ShellWord()
    /// Whether the word at the cursor is the file of a redirection.
    var isRedirection = false

    /// - Parameters:
    ///   - line: the command, from its name up to the cursor.
    ///   - shell: whose quoting it is; for zsh one word in the form of `PREFIX`.
    ///   - quote: what is open where the line begins.
    init(_ line: String, shell: Shell, quote: ShellWord.Quote = .none) {
        current.quote = quote
        var scanner = Scanner(rest: Array(line.unicodeScalars)[...], shell: shell, line: self)
        scanner.run()
        self = scanner.line
    }

    private struct Scanner {
        var rest: ArraySlice<Unicode.Scalar>
        let shell: Shell
        var line: ShellLine
        var hasWord = false
        var isAnsi = false

        mutating func run() {
            while let scalar = rest.first {
                switch line.current.quote {
                case .single: single(scalar)
                case .double: double(scalar)
                case .none: bare(scalar)
                }
            }
        }

        /// Takes scalars as typed; what they become is the last of them, where they become anything.
        private mutating func take(_ count: Int, becomes text: Unicode.Scalar?) {
            hasWord = true
            line.current.raw += rest.prefix(count)
            rest = rest.dropFirst(count)
            if let text {
                line.current.text.append(text)
                line.current.ends.append(line.current.raw.count)
            } else {
                // A quote belongs to what stands before it.
                line.current.ends[line.current.text.count] = line.current.raw.count
            }
        }

        private mutating func escape() {
            guard let next = rest.dropFirst().first else {
                take(1, becomes: nil)
                line.current.isDangling = true
                return
            }
            take(2, becomes: next == "\n" ? nil : next)
        }

        private mutating func single(_ scalar: Unicode.Scalar) {
            if scalar == "'" {
                take(1, becomes: nil)
                line.current.quote = .none
                isAnsi = false
            } else if scalar == "\\", isAnsi || shell == .fish && [nil, "'", "\\"].contains(rest.dropFirst().first) {
                escape()
            } else {
                take(1, becomes: scalar)
            }
        }

        private mutating func double(_ scalar: Unicode.Scalar) {
            if scalar == "\"" {
                take(1, becomes: nil)
                line.current.quote = .none
            } else if scalar == "\\" {
                let next = rest.dropFirst().first
                let escaped: [Unicode.Scalar?] =
                    switch shell {
                    case .bash: [nil, "$", "`", "\"", "\\", "\n"]
                    case .zsh: [nil, "$", "`", "\"", "\\", "\n", "!"]
                    case .fish: [nil, "$", "\"", "\\", "\n"]
                    }
                if escaped.contains(next) { escape() } else { take(1, becomes: scalar) }
            } else {
                if scalar == "$" || scalar == "`" && shell != .fish { line.current.expands = true }
                take(1, becomes: scalar)
            }
        }

        private mutating func bare(_ scalar: Unicode.Scalar) {
            switch scalar {
            case _ where shell == .zsh && (scalar == " " || scalar == "'" || scalar == "\""):
                // In PREFIX, which is one word, zsh has put a backslash before what means something.
                take(1, becomes: scalar)
            case " ", "\t", "\n": endWord()
            case "\\": escape()
            case "'":
                take(1, becomes: nil)
                line.current.quote = .single
            case "\"":
                take(1, becomes: nil)
                line.current.quote = .double
            case "$" where shell == .bash && [.some("'"), .some("\"")].contains(rest.dropFirst().first):
                isAnsi = rest.dropFirst().first == "'"
                line.current.expands = line.current.expands || isAnsi
                line.current.quote = isAnsi ? .single : .double
                take(2, becomes: nil)
            case "<", ">":
                // 2>file: the digits are the redirection's.
                if line.current.text.allSatisfy({ ("0"..."9").contains($0) }) { hasWord = false }
                endWord()
                line.isRedirection = true
            case "&" where line.isRedirection && !hasWord: rest.removeFirst()
            case ";", "|", "&", "\r":
                endWord()
                line = ShellLine("", shell: shell)
            default:
                if ["$", "`", "*", "?", "[", "{", "("].contains(scalar) { line.current.expands = true }
                take(1, becomes: scalar)
            }
        }

        private mutating func endWord() {
            rest.removeFirst()
            if hasWord, !line.isRedirection { line.words.append(line.current.string) }
            if hasWord { line.isRedirection = false }
            line.current = ShellWord()
            hasWord = false
        }
    }
}
