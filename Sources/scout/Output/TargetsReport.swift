import Core

/// The configured targets as `--json` prints them.
struct TargetsReport: Report {
    static let schema = "scout.target/1"

    struct Row: Codable, Sendable {
        let name: String
        let address: String
        let identity: String?
        let topology: String?
        let isDefault: Bool
    }

    let targets: [Row]

    init(_ configuration: Configuration, only name: String? = nil) {
        targets = configuration.targets.values.sorted { $0.name < $1.name }
            .filter { name == nil || $0.name == name }
            .map {
                Row(
                    name: $0.name, address: $0.address.description, identity: $0.identity, topology: $0.topology,
                    isDefault: $0.name == configuration.defaultTarget)
            }
    }

    func page(forPeople: Bool) -> Page {
        var table = Table("", "NAME", "ADDRESS", "IDENTITY", "TOPOLOGY")
        table.rows = targets.map {
            [$0.isDefault ? "*" : "", $0.name, $0.address, $0.identity ?? "-", $0.topology ?? "-"]
        }
        return Page(table, forPeople: forPeople)
    }
}
