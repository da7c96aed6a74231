/// A shell that TAB is pressed in.
enum Shell: String, CaseIterable, Sendable {
    case bash
    case zsh
    case fish

    /// Answers one TAB in the form that this shell's script reads.
    ///
    /// - Parameters:
    ///   - words: what the script passes on; see ``script``.
    ///   - completer: decides.
    func answer(_ words: [String], _ completer: Completer) -> String {
        switch self {
        case .bash: words.count == 3 ? Self.bash(words[0], words[1], words[2], completer) : ""
        case .zsh: words.count >= 2 ? Self.zsh(words[0], words[1], Array(words.dropFirst(2)), completer) : ""
        case .fish: words.count == 1 ? Self.fish(words[0], completer) : ""
        }
    }

    /// - Parameters:
    ///   - kind: `COMP_TYPE`.
    ///   - replaced: `$2`, the part of the word that readline will replace.
    ///   - text: the line up to the cursor.
    private static func bash(_ kind: String, _ replaced: String, _ text: String, _ completer: Completer) -> String {
        let line = ShellLine(text, shell: .bash)
        let (word, part) = (line.current, Array(replaced.unicodeScalars))
        guard word.raw.suffix(part.count) == part[...] else { return "" }
        let completion =
            line.isRedirection ? completer.files(word) : completer.complete(Array(line.words.dropFirst()), word)
        let candidates = completion.candidates
        let ending = candidates.allSatisfy(\.continues) ? "open" : "closed"
        // '?' only lists what is offered, unless that is one.
        if kind == "63", candidates.count > 1 {
            return ([ending] + listing(candidates) { "  (\($0))" }).map { $0 + "\n" }.joined()
        }
        let typed = word.settled.dropFirst(word.raw.count - part.count)
        let begun = word.text.count - completion.kept
        let lines = candidates.map { candidate in
            let rest = quoted(candidate.value.unicodeScalars.dropFirst(begun), in: word.quote)
            return closed(String(String.UnicodeScalarView(typed)) + rest, word.quote)
        }
        return ([ending] + lines).map { $0 + "\n" }.joined()
    }

    /// - Parameters:
    ///   - quote: `QIPREFIX`, the quote that the word begins with.
    ///   - prefix: `PREFIX`, the word up to the cursor.
    ///   - words: those before, without quotes.
    private static func zsh(_ quote: String, _ prefix: String, _ words: [String], _ completer: Completer) -> String {
        let open: ShellWord.Quote = quote.hasSuffix("'") ? .single : quote.hasSuffix("\"") ? .double : .none
        let word = ShellLine(prefix, shell: .zsh, quote: open).current
        let completion = completer.complete(Array(words.dropFirst()), word)
        let texts = listing(completion.candidates) { "  -- \($0)" }
        let lines = zip(completion.candidates, texts).map { candidate, text in
            "\(candidate.continues ? "open" : "closed")\t\(candidate.value)\t\(text)\n"
        }
        return "\(word.ends[completion.kept])\n" + lines.joined()
    }

    /// - Parameter text: the line up to the cursor.
    private static func fish(_ text: String, _ completer: Completer) -> String {
        let line = ShellLine(text, shell: .fish)
        // What stands before the program's name may be `time` or `and`.
        let start = line.words.firstIndex { $0.split(separator: "/").last == "scout" } ?? 0
        let completion = completer.complete(Array(line.words.dropFirst(start + 1)), line.current)
        let kept = String(String.UnicodeScalarView(line.current.text.prefix(completion.kept)))
        return completion.candidates.map { candidate in
            let value = kept + candidate.value
            // fish inserts a tilde at the beginning without a backslash; in quotes that is no harm.
            if value.hasPrefix("~"), line.current.raw.first != "~", line.current.quote == .none { return "" }
            return value + (candidate.about.map { "\t" + $0 } ?? "") + "\n"
        }.joined()
    }

    /// The candidates with their descriptions behind them, in columns.
    private static func listing(_ candidates: [Candidate], _ about: (String) -> String) -> [String] {
        let width = candidates.filter { $0.about != nil }.map(\.value.width).max() ?? 0
        return candidates.map { candidate in
            candidate.about.map { candidate.value.padding(to: width) + about($0) } ?? candidate.value
        }
    }

    /// What bash reads back as this text.
    ///
    /// - Parameters:
    ///   - text: free of control characters.
    ///   - quote: the quotes it stands in.
    static func quoted(_ text: some Sequence<Unicode.Scalar>, in quote: ShellWord.Quote) -> String {
        var result = ""
        for scalar in text {
            switch quote {
            case .none:
                let isSafe =
                    !scalar.isASCII || scalar.properties.isAlphabetic
                    || "0123456789_@%+,./:-=".contains(Character(scalar))
                result += isSafe ? "" : "\\"
                result.unicodeScalars.append(scalar)
            case .single:
                result += scalar == "'" ? "'\\''" : String(Character(scalar))
            case .double where scalar == "!":
                // A backslash would stay, and without one the history is searched.
                result += "\"\\!\""
            case .double:
                result += ["$", "`", "\"", "\\"].contains(scalar) ? "\\" : ""
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// readline closes an open quote, except behind the same character.
    private static func closed(_ text: String, _ quote: ShellWord.Quote) -> String {
        switch quote {
        case .single where text.hasSuffix("'"): text + "'"
        case .double where text.hasSuffix("\""): text + "\""
        default: text
        }
    }
}
