import Core
import FoundationEssentials
import Host
import TestSupport
import Testing

@Suite struct RedactionTests {
    @Test func aRedactedReportHoldsNothingOfTheOwnersNetwork() throws {
        let text = String(decoding: Captures.standard, as: UTF8.self)
            .replacing(
                "[0:0] -A FORWARD -i eth0 -o ve-container -j ACCEPT",
                with:
                    "[0:0] -A FORWARD -s 192.168.1.0/24 -i eth0 -o ve-container -m mac --mac-source 02:00:5e:10:00:01 -m comment --comment \"my wifi is secret\" -j ACCEPT"
            )
            .replacing("--to-destination 10.0.3.2:2003", with: "--to-destination 192.168.1.77:2003")
        let full = try HostListing(Array(text.utf8)).report(.documented, source: .file, checkedAt: .distantPast)
        let report = full.redacted(.documented)
        let all = "\(report)"
        for secret in ["192.168.1", "02:00:5e", "secret", "wifi"] {
            #expect("\(full)".contains(secret))
            #expect(!all.contains(secret))
        }
        #expect(all.contains("10.0.3.2") && all.contains("ve-container"))
        #expect(report.forwards.first { $0.port == 22 } == full.forwards.first { $0.port == 22 })
    }
}
