import Glibc
import HerdTransport

/// Where a service may listen: for anybody on the machine itself; for others only if it asks who they are.
enum ListenPolicy {
    /// - Parameters:
    ///   - isGuarded: whether nobody gets in without a credential.
    /// - Throws: `ConfigurationError` naming the address and what to do.
    static func check(
        _ addresses: [EndpointAddress], service: String, isGuarded: Bool
    ) throws(ConfigurationError) {
        guard !isGuarded, let open = addresses.first(where: { !isLocal($0) }) else { return }
        let remedy =
            service == "router"
            ? "make a token first (herdd token create --role admin --data DIR), or let in client certificates "
                + "(tls.client_ca_file and access.client_certificates)"
            : "set access.service_credential_file, the same for router, scorer and refiner, or let in their client "
                + "certificates (tls.client_ca_file and access.client_certificates)"
        throw ConfigurationError(
            "the \(service) does not listen on \(open), because anybody there could call it without a credential: "
                + "\(remedy), or listen on 127.0.0.1, [::1] or a Unix socket")
    }

    /// Whether only this machine reaches it. Names but `localhost` count as others' addresses: what they stand for may
    /// change.
    static func isLocal(_ address: EndpointAddress) -> Bool {
        guard case .network(let host, _) = address else { return true }
        if host.lowercased() == "localhost" { return true }
        var four = [UInt8](repeating: 0, count: 4)
        if inet_pton(AF_INET, host, &four) == 1 { return four[0] == 127 }
        var six = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, host, &six) == 1 else { return false }
        let isLoopback = six.prefix(15).allSatisfy { $0 == 0 } && six[15] == 1
        let isMapped = six.prefix(10).allSatisfy { $0 == 0 } && six[10] == 0xFF && six[11] == 0xFF
        return isLoopback || isMapped && six[12] == 127
    }
}
