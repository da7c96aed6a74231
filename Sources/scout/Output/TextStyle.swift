/// For whom a text is written.
enum TextStyle: Sendable {
    /// For people at a terminal: columns aligned, with a heading; sizes with a unit.
    case human
    /// For programs behind a pipe: tabs, no heading, plain numbers.
    case plain
}
