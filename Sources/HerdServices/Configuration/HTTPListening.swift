import Configuration
import HerdTransport

/// Where a service serves `/metrics`, `/healthz` and `/readyz`, which know no credentials.
package struct HTTPListening: Sendable, Equatable {
    /// `router.http_listen` and so on.
    let key: String
    /// Empty = nowhere.
    package var addresses: [String]
    /// Whether nobody has set them. What is then taken by another process is done without.
    package var isDefault: Bool

    /// The default.
    init(key: String, port: Int) {
        self.key = key
        addresses = ["127.0.0.1:\(port)"]
        isDefault = true
    }

    init(_ reader: ConfigReader, _ key: ConfigKey, _ standard: HTTPListening) throws(ConfigurationError) {
        self = standard
        guard let set = reader.stringArray(forKey: key) else { return }
        isDefault = false
        // In the environment an empty list can't be told from a list of an empty text.
        addresses = set == ["none"] ? [] : set.filter { !$0.isEmpty }
        for address in addresses { _ = try HerdConfiguration.address(address) }
    }

    var parsed: [EndpointAddress] { addresses.compactMap { EndpointAddress($0) } }

    /// - Parameter isPublic: `server.http_public`.
    func check(isPublic: Bool) throws(ConfigurationError) {
        guard !isPublic, let open = parsed.first(where: { !ListenPolicy.isLocal($0) }) else { return }
        throw ConfigurationError(
            "\(key) names \(open), where other machines could read the metrics without a credential: set "
                + "server.http_public to true if they may, or listen on 127.0.0.1, [::1] or a Unix socket")
    }
}
