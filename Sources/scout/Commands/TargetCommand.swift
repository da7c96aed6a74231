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
            guard Address(address) != nil else { throw ValidationError("'\(address)' is not an address") }
        }

        func run() throws {
            let context = try CommandContext(global)
            guard let address = Address(address) else { return }
            if let topology = global.topology { _ = try context.configuration.topology(named: topology) }
            let target = Target(name: name, address: address, identity: global.identity, topology: global.topology)
            try ConfigurationFile(context.paths.configurationFile).add(target)
            let added = try CommandContext(global)
            try added.output.result(TargetsReport(added.configuration, only: name)) { _ in
                ["added \(name): \(address)"]
            }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the scouts; a star marks the default.")
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = try CommandContext(global)
            let report = TargetsReport(context.configuration)
            try context.output.result(report) { report.page(style: $0) }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one scout; the default where none is named.")
        @Argument(
            help: ArgumentHelp("Which.", valueName: "NAME"), completion: .values(.targets))
        var name: String?
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = try CommandContext(global)
            guard let name = name ?? global.target ?? context.configuration.defaultTarget else {
                throw ScoutError(.usage, "no target is the default", hint: "scout target add NAME ADDRESS")
            }
            guard context.configuration.targets[name] != nil else {
                throw ConfigurationFile.unknown(name, context.configuration)
            }
            let report = TargetsReport(context.configuration, only: name)
            try context.output.result(report) { report.page(style: $0) }
        }
    }

    struct Use: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a scout the default.")
        @Argument(
            help: ArgumentHelp("Which.", valueName: "NAME"), completion: .values(.targets))
        var name: String
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = try CommandContext(global)
            try ConfigurationFile(context.paths.configurationFile).use(name)
            let changed = try CommandContext(global)
            try changed.output.result(TargetsReport(changed.configuration, only: name)) { _ in ["using \(name)"] }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Forget a scout.")
        @Argument(
            help: ArgumentHelp("Which.", valueName: "NAME"), completion: .values(.targets))
        var name: String
        @OptionGroup var global: GlobalOptions

        func run() throws {
            let context = try CommandContext(global)
            let report = TargetsReport(context.configuration, only: name)
            try ConfigurationFile(context.paths.configurationFile).remove(name)
            try context.output.result(report) { _ in ["removed \(name)"] }
        }
    }
}
