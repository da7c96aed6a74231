import Core
import Host
import Platform

/// This machine and the network as they are.
struct LiveNetwork: NetworkQuestions {
    func interfaces() -> [NetworkInterface] { NetworkInterface.all() }

    func interface(towards address: IPAddress) -> NetworkInterface? { Route.interface(towards: address) }

    func fault(of interface: String) -> String? { Route.fault(of: interface) }

    func neighbourAnswers(_ address: IPAddress) -> Bool? { Route.neighbourAnswers(address) }

    func vpnSilence(on interface: String) async -> String? { await VPNPeer.silence(on: interface) }

    func answersPing(_ address: IPAddress) async -> Bool? {
        // Without a thread nobody can ask.
        (try? await Thread.run { Ping.answers(address, within: .seconds(2)) }) ?? nil
    }

    func sshBanner(
        host: String, port: UInt16, deadline: Duration
    ) async throws(ScoutError) -> SSHIdentification {
        try await BannerProbe.ssh(host: host, port: port, deadline: deadline)
    }

    func read(
        host: String, port: UInt16, deadline: Duration, until isComplete: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws(ScoutError) -> [UInt8] {
        try await BannerProbe.read(host: host, port: port, deadline: deadline, until: isComplete)
    }
}
