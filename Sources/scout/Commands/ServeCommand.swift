public import ArgumentParser
public import Core
import Glibc
import Platform

/// `scout serve …`: services on the reserved ports.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve something on a reserved port.", subcommands: [NBD.self])

    struct NBD: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "nbd",
            abstract: "Export a device or a file over NBD, read-only.",
            discussion: """
                Only the address your SSH session came from may connect, and the container itself; --allow names others.
                The service goes on by itself: scout ports shows it, scout release ends it.
                """)

        @Argument(
            help: ArgumentHelp("An evidence name, or a path in the container.", valueName: "SOURCE"),
            completion: .values(.evidence))
        var source: String
        @Option(
            help: ArgumentHelp("The port; the first free one where none is named.", valueName: "N"),
            completion: .values(.reservedPorts))
        var port: UInt16?
        @Option(help: ArgumentHelp("The name to export and release it by.", valueName: "L")) var name: String?
        @Option(
            parsing: .singleValue,
            help: ArgumentHelp("An address or network that may connect; repeat for more.", valueName: "CIDR"))
        var allow: [String] = []
        @Option(help: ArgumentHelp("Whether a pre-shared key is asked for.", valueName: "off|psk"))
        var tls: NBDRequest.TLS = .off
        @Option(
            help: ArgumentHelp("Read the key, 64 hexadecimal digits, from here; '-' is stdin.", valueName: "FILE"),
            completion: .file())
        var pskFile: String?
        @Option(help: ArgumentHelp("Export only this partition.", valueName: "N")) var partition: Int?
        @Option(help: ArgumentHelp("Export from this byte on.", valueName: "B")) var offset: ByteCount?
        @Option(help: ArgumentHelp("Export this many bytes.", valueName: "B")) var length: ByteCount?
        @Option(help: ArgumentHelp("End after this long without a client: 90, 10m, 2h.", valueName: "D"))
        var idleTimeout: TimeSpan?
        @Option(help: ArgumentHelp("Turn away clients beyond this many at a time; 32 else.", valueName: "N"))
        var maxClients: Int?
        @Flag(help: "Stay until the service ends; Ctrl-C ends it.") var foreground = false
        @Flag(help: "Let clients write. Never for evidence.") var writable = false
        @OptionGroup var global: GlobalOptions

        func validate() throws {
            for text in allow where CIDR(text) == nil {
                throw ValidationError("--allow \(text): not an address or a network")
            }
            if pskFile != nil, tls != .psk { throw ValidationError("--psk-file goes with --tls psk") }
            do throws(ScoutError) { try request.check() } catch { throw ValidationError(error.message) }
        }

        /// What is asked for, but for the key.
        private var request: NBDRequest {
            var request = NBDRequest(source: source)
            request.port = port
            request.name = name
            request.allow = allow.isEmpty ? nil : allow.compactMap(CIDR.init)
            request.tls = tls
            request.partition = partition
            request.offsetBytes = offset?.value
            request.lengthBytes = length?.value
            request.idleTimeout = idleTimeout?.value
            request.maxClients = maxClients
            request.writable = writable
            return request
        }

        func run() async throws {
            let context = try CommandContext(global)
            var request = request
            request.presharedKey = try pskFile.map(Self.key)
            let outstanding = Outstanding()
            let interrupts = Interrupts(outstanding) {}
            defer { interrupts.stop() }
            let service = ServiceRun(.nbd(request), stays: foreground, outstanding: outstanding)
            try await outstanding.running {
                try await context.withContainer { container in
                    try await service.run(in: container) { lease in
                        try context.output.result(lease) { _ in lease.page }
                    } staying: {
                        context.output.remark("serving until Ctrl-C")
                    }
                }
            }
        }

        private static func key(_ file: String) throws(ScoutError) -> String {
            guard let bytes = try ScoutError.wrap(File.read(file == "-" ? "/dev/stdin" : file, limit: 4096)) else {
                throw ScoutError(.noSource, "there is no \(file)")
            }
            return String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
        }
    }
}

extension NBDRequest.TLS: ExpressibleByArgument {}
