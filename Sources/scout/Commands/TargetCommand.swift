import ArgumentParser
import Core

/// `scout target …`: the scouts this expert works on.
struct TargetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "target",
        abstract: "Name the scouts you work on.",
        subcommands: [Add.self, List.self, Show.self, Use.self, Remove.self])

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a scout; the first becomes the default.",
            discussion: "--identity and --topology are remembered with it.")
        @Argument(help: ArgumentHelp("What to call it.", valueName: "NAME")) var name: String
        @Argument(help: ArgumentHelp("Where its container answers.", valueName: "[USER@]ADDR[:PORT]"))
        var address: String
        @OptionGroup var global: GlobalOptions

        func validate() throws {
            guard Address(address) != nil else { throw ValidationError("'\(address)' is no address") }
        }

        func run() throws {
            let invocation = try Invocation(global)
            guard let address = Address(address) else { return }
            if let topology = global.topology { _ = try invocation.configuration.topology(named: topology) }
            let target = Target(name: name, address: address, identity: global.identity, topology: global.topology)
            try ConfigurationFile(invocation.paths.configurationFile).add(target)
            let added = try Invocation(global)
            try added.output.result(TargetsReport(added.configuration, only: name)) { ["added \(name): \(address)"] }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the scouts; a star marks the default.")
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let invocation = try Invocation(global)
            let report = TargetsReport(invocation.configuration)
            try invocation.output.result(report) { report.page(forPeople: invocation.output.isForPeople) }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one scout; the default where none is named.")
        @Argument(
            help: ArgumentHelp("Which.", valueName: "NAME"), completion: .values(.targets))
        var name: String?
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let invocation = try Invocation(global)
            guard let name = name ?? global.target ?? invocation.configuration.defaultTarget else {
                throw ScoutError(.usage, "no target is the default", hint: "scout target add NAME ADDRESS")
            }
            guard invocation.configuration.targets[name] != nil else {
                throw ConfigurationFile.unknown(name, invocation.configuration)
            }
            let report = TargetsReport(invocation.configuration, only: name)
            try invocation.output.result(report) { report.page(forPeople: invocation.output.isForPeople) }
        }
    }

    struct Use: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a scout the default.")
        @Argument(
            help: ArgumentHelp("Which.", valueName: "NAME"), completion: .values(.targets))
        var name: String
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let invocation = try Invocation(global)
            try ConfigurationFile(invocation.paths.configurationFile).use(name)
            let changed = try Invocation(global)
            try changed.output.result(TargetsReport(changed.configuration, only: name)) { ["using \(name)"] }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Forget a scout.")
        @Argument(
            help: ArgumentHelp("Which.", valueName: "NAME"), completion: .values(.targets))
        var name: String
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let invocation = try Invocation(global)
            let report = TargetsReport(invocation.configuration, only: name)
            try ConfigurationFile(invocation.paths.configurationFile).remove(name)
            try invocation.output.result(report) { ["removed \(name)"] }
        }
    }
}
