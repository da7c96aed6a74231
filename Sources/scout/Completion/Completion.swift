/// One thing that TAB may insert.
struct Candidate: Hashable, Sendable {
    /// What it is, as the program would get it: neither quoted nor escaped.
    var value: String
    /// A few words on it, for the shells that show them.
    var about: String?
    /// Whether more of the same word follows, as after a directory's slash: no space then.
    var continues = false
}

/// The answer to one TAB.
struct Completion: Hashable, Sendable {
    /// How many scalars of the word, as the program would get it, stay as they are; the candidates stand for the rest.
    var kept = 0
    /// What may follow, the most useful first.
    var candidates: [Candidate] = []

    /// Leaves out what does not begin as the word does, and what no terminal should be shown.
    ///
    /// - Parameters:
    ///   - kept: how much of the word stays.
    ///   - word: all of the word that is typed.
    ///   - candidates: what would be offered for the rest.
    init(kept: Int = 0, of word: String = "", _ candidates: [Candidate] = []) {
        let begun = Array(word.unicodeScalars.dropFirst(kept))
        var seen: Set<String> = []
        self.kept = kept
        self.candidates = candidates.filter { candidate in
            // By scalars: a name that only looks the same would not be what the shell has.
            candidate.value.unicodeScalars.starts(with: begun) && candidate.value.isPlain
                && seen.insert(candidate.value).inserted
        }
        for index in self.candidates.indices where self.candidates[index].about?.isPlain == false {
            self.candidates[index].about = nil
        }
    }
}

extension String {
    /// Whether a terminal shows this text as what it is: no control or bidirectional character, no end of a line,
    /// nothing invisible, nothing that was not UTF-8, and no longer than a file's name can be.
    var isPlain: Bool {
        !isEmpty && utf8.count <= 255
            && unicodeScalars.allSatisfy { scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
                default: scalar != "\u{FFFD}" && !scalar.properties.isDefaultIgnorableCodePoint
                }
            }
    }
}
