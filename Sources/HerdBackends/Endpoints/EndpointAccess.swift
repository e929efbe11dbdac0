/// Makes requests for endpoints: with the key and the certificates that their configurations refer to, read at use.
struct EndpointAccess: Sendable {
    private let configuration: BackendConfiguration
    private let files: SecretFiles
    private let keys: KeyStore
    private let certificates = RecentFinds<String>()

    init(_ configuration: BackendConfiguration) {
        self.configuration = configuration
        files = SecretFiles(directory: configuration.secretsDirectory)
        keys = KeyStore(files)
    }

    func chat(
        _ endpoint: EndpointConfiguration, body: [UInt8], promptBytes: Int, deadline: MonotonicInstant,
        firstTokenBy: MonotonicInstant
    ) throws(BackendError) -> TransferRequest {
        TransferRequest(
            purpose: .chat(promptBytes: promptBytes), endpoint: endpoint.baseURL, url: endpoint.chatURL, body: body,
            key: try keys.key(of: endpoint), caFile: try caFile(of: endpoint), proxy: configuration.proxy,
            userAgent: configuration.userAgent, deadline: deadline, firstTokenBy: firstTokenBy,
            limits: endpoint.limits(configuration.limits))
    }

    /// - Parameters:
    ///   - url: One of the endpoint.
    ///   - hasKey: Whether its key is sent.
    func probe(_ endpoint: EndpointConfiguration, url: String, hasKey: Bool) throws(BackendError) -> TransferRequest {
        var limits = endpoint.limits(configuration.limits)
        limits.connectTimeout = min(limits.connectTimeout, limits.healthTimeout)
        limits.firstTokenTimeout = limits.healthTimeout
        return TransferRequest(
            purpose: .probe, endpoint: endpoint.baseURL, url: url, body: nil,
            key: hasKey ? try keys.key(of: endpoint) : nil,
            caFile: try caFile(of: endpoint), proxy: configuration.proxy, userAgent: configuration.userAgent,
            deadline: MonotonicInstant.now.advanced(by: limits.healthTimeout), limits: limits)
    }

    private func caFile(of endpoint: EndpointConfiguration) throws(BackendError) -> String? {
        guard let path = endpoint.caFile else { return nil }
        do throws(SecretFiles.Refused) {
            return try certificates.find(path) { () throws(SecretFiles.Refused) in try files.open(path).path }
        } catch {
            throw BackendError(
                .tls, "\(endpoint.baseURL) cannot be trusted: the file \(path) \(error.reason).",
                endpoint: endpoint.baseURL)
        }
    }
}
