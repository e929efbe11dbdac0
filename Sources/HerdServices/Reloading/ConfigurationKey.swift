/// One key of the configuration: whether two configurations differ in it, and whether it can change while a process runs.
struct ConfigurationKey: Sendable {
    let name: String
    let differs: @Sendable (HerdConfiguration, HerdConfiguration) -> Bool
    let isLive: @Sendable (_ started: HerdConfiguration, _ after: HerdConfiguration) -> Bool

    /// When a change is applied.
    enum Change {
        /// At once.
        case live
        /// At the next start.
        case restart
        /// At once where the process was started with TLS and it goes on to be.
        case liveWithTLS
    }

    private init<Value: Equatable & SendableMetatype>(
        _ name: String, _ change: Change = .restart, _ value: @escaping @Sendable (HerdConfiguration) -> Value
    ) {
        self.name = name
        differs = { value($0) != value($1) }
        isLive =
            switch change {
            case .live: { _, _ in true }
            case .restart: { _, _ in false }
            case .liveWithTLS: { !$0.tls.certificateFile.isEmpty && !$1.tls.certificateFile.isEmpty }
            }
    }

    /// All that `HerdConfiguration` reads; a test holds it to that.
    static let all: [ConfigurationKey] = router + backends + scorer + refiner + server + others

    private static let router: [ConfigurationKey] = [
        .init("router.listen") { $0.router.listen }, .init("router.http_listen") { $0.router.http },
        .init("router.data") { $0.router.data }, .init("router.scorer_address") { $0.router.scorerAddress },
        .init("router.cache_max_bytes", .live) { $0.router.cacheMaxBytes },
        .init("router.decision_log_max_entries", .live) { $0.router.decisionLogMaxEntries },
        .init("router.audit_max_entries", .live) { $0.router.auditMaxEntries },
        .init("router.log_prompts") { $0.router.logPrompts },
        .init("router.store_max_bytes") { $0.router.storeMaxBytes },
        .init("router.refiner_address") { $0.router.refinerAddress },
        .init("router.secrets_dir") { $0.router.secretsDir },
        .init("router.session_expiry") { $0.router.sessionExpirySeconds },
        .init("router.session_max_entries") { $0.router.sessionMaxEntries },
    ]

    private static let backends: [ConfigurationKey] = [
        .init("router.backends.connect_timeout", .live) { $0.router.backends.connectTimeoutSeconds },
        .init("router.backends.first_token_timeout", .live) { $0.router.backends.firstTokenTimeoutSeconds },
        .init("router.backends.token_timeout", .live) { $0.router.backends.tokenTimeoutSeconds },
        .init("router.backends.total_timeout", .live) { $0.router.backends.totalTimeoutSeconds },
        .init("router.backends.max_concurrency", .live) { $0.router.backends.maxConcurrency },
        .init("router.backends.max_queue", .live) { $0.router.backends.maxQueue },
        .init("router.backends.max_attempts", .live) { $0.router.backends.maxAttempts },
        .init("router.backends.breaker_failures", .live) { $0.router.backends.breakerFailures },
        .init("router.backends.breaker_pause", .live) { $0.router.backends.breakerPauseSeconds },
        .init("router.backends.health_interval", .live) { $0.router.backends.healthIntervalSeconds },
        .init("router.backends.max_answer_bytes", .live) { $0.router.backends.maxAnswerBytes },
    ]

    private static let scorer: [ConfigurationKey] = [
        .init("scorer.listen") { $0.scorer.listen }, .init("scorer.http_listen") { $0.scorer.http },
        .init("scorer.data") { $0.scorer.data }, .init("scorer.router_address") { $0.scorer.routerAddress },
        .init("scorer.prompts_dir", .live) { $0.scorer.promptsDir },
        .init("scorer.store_max_bytes") { $0.scorer.storeMaxBytes },
    ]

    private static let refiner: [ConfigurationKey] = [
        .init("refiner.listen") { $0.refiner.listen }, .init("refiner.http_listen") { $0.refiner.http },
        .init("refiner.data") { $0.refiner.data }, .init("refiner.router_address") { $0.refiner.routerAddress },
        .init("refiner.store_max_bytes") { $0.refiner.storeMaxBytes },
        .init("refiner.prompts_dir", .live) { $0.refiner.promptsDir },
        .init("refiner.transcripts_max_bytes", .live) { $0.refiner.transcriptsMaxBytes },
        .init("refiner.transcripts_max_entries", .live) { $0.refiner.transcriptsMaxEntries },
        .init("refiner.transcript_days", .live) { $0.refiner.transcriptDays },
    ]

    private static let server: [ConfigurationKey] = [
        .init("server.default_timeout", .live) { $0.server.defaultTimeoutSeconds },
        .init("server.max_timeout", .live) { $0.server.maxTimeoutSeconds },
        .init("server.drain_timeout", .live) { $0.server.drainTimeoutSeconds },
        .init("server.event_loops") { $0.server.eventLoops },
        .init("server.max_connections", .live) { $0.server.maxConnections },
        .init("server.hello_timeout", .live) { $0.server.helloTimeoutSeconds },
        .init("server.frame_timeout", .live) { $0.server.frameTimeoutSeconds },
        .init("server.keepalive_interval", .live) { $0.server.keepaliveIntervalSeconds },
        .init("server.keepalive_timeout", .live) { $0.server.keepaliveTimeoutSeconds },
        .init("server.idle_timeout", .live) { $0.server.idleTimeoutSeconds },
        .init("server.queue_delay") { $0.server.queueDelaySeconds },
        .init("server.http_public") { $0.server.httpPublic },
        // Of use at a start only.
        .init("server.take_over", .live) { $0.server.takesOver },
        .init("server.unix_socket_mode") { $0.server.unixSocketMode },
    ]

    private static let others: [ConfigurationKey] = [
        .init("access.service_credential_file") { $0.access.serviceCredentialFile },
        .init("access.client_certificates", .liveWithTLS) { $0.access.clientCertificates },
        .init("tls.certificate_file", .liveWithTLS) { $0.tls.certificateFile },
        .init("tls.key_file", .liveWithTLS) { $0.tls.keyFile },
        .init("tls.client_ca_file", .liveWithTLS) { $0.tls.clientCAFile },
        .init("links.ca_file") { $0.links.caFile }, .init("links.certificate_file") { $0.links.certificateFile },
        .init("links.key_file") { $0.links.keyFile }, .init("links.server_name") { $0.links.serverName },
        .init("log.level", .live) { $0.log.level }, .init("log.format", .live) { $0.log.format },
        .init("embedding.table") { $0.embeddingTable },
    ]
}

/// What a new configuration changes.
package struct ConfigurationChanges: Sendable, Equatable {
    /// The names of keys whose new values hold from now on, and of those whose do from the next start on.
    package var live: [String] = []
    package var restart: [String] = []

    /// - Parameter started: what the process was started with, and has where a change waits for a restart.
    package init(started: HerdConfiguration, from before: HerdConfiguration, to after: HerdConfiguration) {
        for key in ConfigurationKey.all {
            if key.isLive(started, after) {
                if key.differs(before, after) { live.append(key.name) }
            } else if key.differs(started, after) {
                restart.append(key.name)
            }
        }
    }

    /// The names of all keys.
    package static var allKeys: [String] { ConfigurationKey.all.map(\.name) }
}
