import HerdFrames
import HerdServer
import HerdTransport

extension ServerConfiguration {
    /// - Parameter listen: addresses that `HerdConfiguration` has checked.
    init(
        listen: [String], limits: ServerLimits, credentials: ProcessCredentials
    ) throws(ConfigurationError) {
        self.init()
        var parsed: [EndpointAddress] = []
        for address in listen { parsed.append(try HerdConfiguration.address(address)) }
        addresses = parsed
        eventLoops = limits.eventLoops
        unixSocketMode = try HerdConfiguration.mode(limits.unixSocketMode)
        version = HerdVersion.text
        maximumQueueDelay = limits.queueDelaySeconds > 0 ? .seconds(limits.queueDelaySeconds) : nil
        use(limits)
        credentials.apply(to: &self)
    }

    /// What may change while the server runs.
    mutating func use(_ limits: ServerLimits) {
        defaultTimeout = .seconds(limits.defaultTimeoutSeconds)
        maximumTimeout = .seconds(limits.maxTimeoutSeconds)
        drainTimeout = .seconds(limits.drainTimeoutSeconds)
        maximumConnections = limits.maxConnections
        helloTimeout = .seconds(limits.helloTimeoutSeconds)
        frameTimeout = .seconds(limits.frameTimeoutSeconds)
        keepaliveInterval = .seconds(limits.keepaliveIntervalSeconds)
        keepaliveTimeout = .seconds(limits.keepaliveTimeoutSeconds)
        idleTimeout = .seconds(limits.idleTimeoutSeconds)
    }
}
