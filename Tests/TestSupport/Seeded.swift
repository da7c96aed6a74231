import Glibc

/// A generator of pseudo-random numbers that always begins the same (SplitMix64).
public struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    /// - Parameter seed: where it begins.
    public init(_ seed: UInt64) {
        state = seed
    }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// One of them.
    public mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }

    /// Yes, in so many of a hundred cases.
    public mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &self) < percent
    }
}

/// Long runs, for the night: `SCOUT_SOAK=1` makes more, `SCOUT_SEED=N` other ones.
public enum Soak {
    /// Whether they are wanted.
    public static let isOn = getenv("SCOUT_SOAK") != nil
    /// Where the generators begin.
    public static let seed = getenv("SCOUT_SEED").flatMap { UInt64(String(cString: $0)) } ?? 20_260_731
}
