import ArgumentParser
import Core
import Glibc
import Host
import Sessions

/// `scout host lan …`: whether the owner's network reaches the container.
struct HostLANCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lan", abstract: "The switch for access from the owner's network.",
        subcommands: [Enable.self, Disable.self, Status.self])

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let the local network in, as the VPN is.")
        @OptionGroup var options: HostSwitchOptions
        func run() async throws { try await options.set(.lan, to: true) }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Keep the local network out.")
        @OptionGroup var options: HostSwitchOptions
        func run() async throws { try await options.set(.lan, to: false) }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show how the switch is set.")
        @OptionGroup var global: GlobalOptions
        func run() async throws { try await HostSwitchOptions.show(.lan, global) }
    }
}

/// `scout host control …`: whether the expert may log in to the host itself.
struct HostControlCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control", abstract: "The switch for logins to the host itself.",
        subcommands: [Enable.self, Disable.self, Status.self])

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Start the host's sshd, and let the VPN reach it.")
        @OptionGroup var options: HostSwitchOptions
        func run() async throws { try await options.set(.control, to: true) }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Stop the host's sshd with its sessions.")
        @OptionGroup var options: HostSwitchOptions
        func run() async throws { try await options.set(.control, to: false) }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show how the switch is set.")
        @OptionGroup var global: GlobalOptions
        func run() async throws { try await HostSwitchOptions.show(.control, global) }
    }
}

/// What both switches share.
struct HostSwitchOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Don't ask on the terminal.") var yes = false
    @OptionGroup var global: GlobalOptions

    /// Sets a switch, after the person at the terminal, if there is one, has read what it opens.
    func set(_ name: HostSwitch, to enabled: Bool) async throws {
        let (context, complaint) = try CommandContext.onHost(global)
        if enabled, let complaint { throw complaint }
        let firewall = try context.hostFirewall()
        if enabled, !yes, isatty(STDIN_FILENO) == 1 { try await confirm(name, context.selection.hostTopology()) }
        let report = try await firewall.set(name, to: enabled)
        if let complaint { throw complaint }
        try context.output.result(report) { _ in [report.text] }
    }

    static func show(_ name: HostSwitch, _ global: GlobalOptions) async throws {
        let (context, complaint) = try CommandContext.onHost(global)
        if let complaint { context.output.remark(complaint.message) }
        let firewall = try context.hostFirewall()
        let report = await firewall.status(name)
        try context.output.result(report) { _ in report.page }
    }

    private func confirm(_ name: HostSwitch, _ topology: Topology) async throws {
        let what =
            switch name {
            case .lan:
                "Everybody in the local network will reach tcp \(topology.portsText), and host control while that is on."
            case .control:
                "Everybody on the VPN, and in the local network while that has access, will reach the host's own sshd, "
                    + "tcp \(topology.hostControlPort): who logs in there can read and change all of this machine."
            }
        let answer = try await Terminal().ask("\(what)\nContinue (yes, no)? ", echo: true)
        guard answer?.lowercased() == "yes" || answer?.lowercased() == "y" else {
            throw ScoutError(.interrupted, "nothing was changed")
        }
    }
}
