import NBD
import Testing

@Suite struct PresharedKeyTests {
    @Test func aFreshKeyHas256BitsAndIsNoOther() {
        let (one, other) = (PresharedKey(user: "scout"), PresharedKey(user: "scout"))
        #expect(one.digits != other.digits)
        #expect(one.fileText == "scout:\(one.digits)\n")
        #expect(PresharedKey(user: "scout", digits: one.digits) != nil)
    }

    @Test(arguments: [
        "", "ab", String(repeating: "g", count: 64), String(repeating: "a", count: 63),
        String(repeating: "é", count: 32), String(repeating: "a", count: 65), String(repeating: "１", count: 21) + "a",
    ])
    func whatIsNotAKeyIsNotTaken(digits: String) {
        #expect(PresharedKey(user: "scout", digits: digits) == nil)
    }
}
