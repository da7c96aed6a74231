public import Core
public import FoundationEssentials
public import Netfilter
import Platform

extension ForwardsReport {
    /// Evaluates a host's rules.
    ///
    /// - Parameters:
    ///   - rules: the rules.
    ///   - topology: the ports and addresses that are meant.
    ///   - network: what is known of the host; `nil` takes what the topology tells.
    ///   - source: where the rules are from.
    ///   - checkedAt: when they were true.
    ///   - vpnIsUp: whether the link is up, where that is known.
    public init(
        evaluating rules: HostRules, topology: Topology, network: HostNetwork? = nil, source: Source, checkedAt: Date,
        vpnIsUp: Bool? = nil
    ) {
        let findings = ForwardingFindings(evaluating: rules, plan: topology.firewallPlan, network: network)
        self.init(
            source: source, checkedAt: checkedAt,
            vpn: VPN(up: vpnIsUp, interface: topology.vpnInterface, address: topology.hostVPNAddress),
            lan: LAN(enabled: findings.lanIsLetIn),
            hostControl: HostControl(enabled: findings.hostControlIsReachable, port: topology.hostControlPort),
            forwards: findings.forwards.map { Row($0) }, exposures: findings.exposures.map { Exposure($0) })
    }
}

extension ForwardsReport.Row {
    init(_ forward: ForwardingFindings.Forward) {
        self.init(
            port: forward.port, proto: "tcp", to: forward.to, vpn: Verdict(forward.vpn), lan: Verdict(forward.lan),
            packets: forward.packets, bytes: forward.bytes, reason: forward.reason)
        vpnAddress = forward.vpnAddress
        lanAddress = forward.lanAddress
    }
}

extension ForwardsReport.Exposure {
    init(_ exposure: ForwardingFindings.Exposure) {
        let severity: Severity =
            switch exposure.severity {
            case .info: .info
            case .warning: .warning
            case .critical: .critical
            }
        self.init(severity: severity, summary: exposure.summary)
    }
}

extension Verdict {
    init(_ verdict: Decision.Verdict) {
        switch verdict {
        case .open: self = .open
        case .closed: self = .closed
        case .unknown: self = .unknown
        }
    }
}

extension ScoutError {
    init(_ error: RuleError) {
        let code: Code =
            switch error.kind {
            case .malformed: .badData
            case .notPermitted: .refused
            }
        self.init(code, error.message, hint: error.hint)
    }
}

extension Topology {
    /// What the firewall of a host of this topology is meant to do.
    public var firewallPlan: FirewallPlan {
        FirewallPlan(
            hostVPNAddress: hostVPNAddress, vpnInterface: vpnInterface, vpnNetwork: vpnNetwork,
            hostContainerAddress: hostContainerAddress, containerInterface: containerInterface,
            containerAddress: containerAddress, containerNetwork: containerNetwork, forwardedPorts: forwardedPorts,
            hostControlPort: hostControlPort, lanInterfacePatterns: lanInterfacePatterns,
            uplinkInterfacePatterns: uplinkInterfacePatterns)
    }
}
