import Core
import FoundationEssentials
import Glibc
@testable import Host
import Netfilter
import TestSupport
import Testing

/// A directory with firewall tools that only write down what they are told, so that no kernel is asked.
///
/// Rules with the word REFUSED are refused, and all of them where there is a file `refuse-all`.
final class ToolStage: Sendable {
    let directory: String

    private static let script = """
        #!/bin/sh
        name=${0##*/}; dir=${0%/*}
        case "$name $*" in
        iptables\\ *) cat "$dir/version" ;;
        *--version*) echo 1 ;;
        *-restore\\ *)
            cat > "$dir/$name.input"
            if [ -e "$dir/refuse-all" ] || grep -q REFUSED "$dir/$name.input"; then
                echo "$name: line 2 failed" >&2; exit 2
            fi
            case "$*" in
            *--test*) ;;
            *) cp "$dir/$name.input" "$dir/${name%-restore}.rules"; echo "$name" >> "$dir/log" ;;
            esac ;;
        *-save\\ *) cat "$dir/${name%-save}.rules" 2> /dev/null; exit 0 ;;
        esac
        """

    /// - Parameter standard: the back end that `iptables` stands for.
    init(standard: String = "nf_tables") {
        directory = "/tmp/scout-tools-\(Project.uniqueName())"
        mkdir(directory, 0o700)
        let tools = ["iptables", "ip6tables"].flatMap { family in
            ["nft", "legacy"].flatMap { ["\(family)-\($0)-restore", "\(family)-\($0)-save"] }
        }
        for name in tools + ["iptables"] { add(name, Self.script) }
        write("version", "iptables v1.8.9 (\(standard))\n")
    }

    deinit {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
            unlink("\(directory)/\(name)")
        }
        rmdir(directory)
    }

    var tools: HostTools { HostTools(path: directory + ":/usr/bin:/bin") }

    func write(_ name: String, _ text: String) { Workbench.write(Array(text.utf8), to: "\(directory)/\(name)") }

    func add(_ name: String, _ script: String) {
        Workbench.write(Array(script.utf8), to: "\(directory)/\(name)", mode: 0o700)
    }

    func text(_ name: String) -> String {
        (try? Data(contentsOf: URL(filePath: "\(directory)/\(name)"))).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// The settings of an owner with these files, each for IPv4.
    func settings(_ files: [String: String] = [:]) throws -> HostSettings {
        var settings = HostSettings(Paths(environment: ["SCOUT_HOST_DIR": directory + "/none"]))
        settings.customRules = try files.sorted { $0.key < $1.key }.map {
            try CustomRules("*filter\n\($0.value)\nCOMMIT\n", family: .ipv4, name: $0.key)
        }
        return settings
    }
}
