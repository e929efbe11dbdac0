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
        defaultTimeout = .seconds(limits.defaultTimeoutSeconds)
        maximumTimeout = .seconds(limits.maxTimeoutSeconds)
        drainTimeout = .seconds(limits.drainTimeoutSeconds)
        maximumConnections = limits.maxConnections
        helloTimeout = .seconds(limits.helloTimeoutSeconds)
        frameTimeout = .seconds(limits.frameTimeoutSeconds)
        keepaliveInterval = .seconds(limits.keepaliveIntervalSeconds)
        keepaliveTimeout = .seconds(limits.keepaliveTimeoutSeconds)
        idleTimeout = .seconds(limits.idleTimeoutSeconds)
        unixSocketMode = try HerdConfiguration.mode(limits.unixSocketMode)
        version = HerdVersion.text
        credentials.apply(to: &self)
    }
}
