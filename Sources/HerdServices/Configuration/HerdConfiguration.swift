package import Configuration
import HerdTransport

/// What `Config/herdd.yaml`, the environment (`HERD_*`) and flags may set. Each default is written once, here.
package struct HerdConfiguration: Sendable, Equatable {
    package var router = RouterConfiguration()
    package var scorer = ScorerConfiguration()
    package var refiner = RefinerConfiguration()
    package var server = ServerLimits()
    package var access = AccessConfiguration()
    package var tls = TLSSettings()
    package var links = LinkSettings()
    package var log = LogConfiguration()
    /// `embedding.table`: path of the embedding table; empty = found beside the program (`ResourceLocator`).
    package var embeddingTable = ""
    /// Variables of the environment that look like keys, and are none.
    package private(set) var strayVariables: [String] = []

    package init() {}

    /// Reads every key; later readers of the same key do not exist, so this is the list of all keys.
    package init(reading reader: ConfigReader) throws(ConfigurationError) {
        router.listen = reader.stringArray(forKey: "router.listen", default: router.listen)
        router.http = try HTTPListening(reader, "router.http_listen", router.http)
        router.data = RouterFolder.of(reader.string(forKey: "router.data", default: router.data))
        router.scorerAddress = reader.string(forKey: "router.scorer_address", default: router.scorerAddress)
        router.cacheMaxBytes = try Self.bytes(reader, "router.cache_max_bytes", router.cacheMaxBytes)
        router.decisionLogMaxEntries = try Self.positive(
            reader, "router.decision_log_max_entries", router.decisionLogMaxEntries)
        router.auditMaxEntries = try Self.positive(reader, "router.audit_max_entries", router.auditMaxEntries)
        router.logPrompts = reader.bool(forKey: "router.log_prompts", default: router.logPrompts)
        router.storeMaxBytes = try Self.bytes(reader, "router.store_max_bytes", router.storeMaxBytes)
        router.refinerAddress = reader.string(forKey: "router.refiner_address", default: router.refinerAddress)
        router.secretsDir = reader.string(forKey: "router.secrets_dir", default: router.secretsDir)
        router.sessionExpirySeconds = try Self.positive(
            reader, "router.session_expiry", router.sessionExpirySeconds)
        router.sessionMaxEntries = try Self.positive(reader, "router.session_max_entries", router.sessionMaxEntries)
        try router.backends.read(from: reader)
        scorer.listen = reader.stringArray(forKey: "scorer.listen", default: scorer.listen)
        scorer.http = try HTTPListening(reader, "scorer.http_listen", scorer.http)
        scorer.data = reader.string(forKey: "scorer.data", default: scorer.data)
        scorer.routerAddress = reader.string(forKey: "scorer.router_address", default: scorer.routerAddress)
        scorer.promptsDir = reader.string(forKey: "scorer.prompts_dir", default: scorer.promptsDir)
        scorer.storeMaxBytes = try Self.bytes(reader, "scorer.store_max_bytes", scorer.storeMaxBytes)
        try refiner.read(from: reader)
        server.defaultTimeoutSeconds = try Self.positive(
            reader, "server.default_timeout", server.defaultTimeoutSeconds)
        server.maxTimeoutSeconds = try Self.positive(reader, "server.max_timeout", server.maxTimeoutSeconds)
        server.drainTimeoutSeconds = try Self.positive(reader, "server.drain_timeout", server.drainTimeoutSeconds)
        server.eventLoops = try Self.positive(reader, "server.event_loops", server.eventLoops)
        server.maxConnections = try Self.positive(reader, "server.max_connections", server.maxConnections)
        server.helloTimeoutSeconds = try Self.positive(reader, "server.hello_timeout", server.helloTimeoutSeconds)
        server.frameTimeoutSeconds = try Self.positive(reader, "server.frame_timeout", server.frameTimeoutSeconds)
        server.keepaliveIntervalSeconds = try Self.positive(
            reader, "server.keepalive_interval", server.keepaliveIntervalSeconds)
        server.keepaliveTimeoutSeconds = try Self.positive(
            reader, "server.keepalive_timeout", server.keepaliveTimeoutSeconds)
        let delay = reader.double(forKey: "server.queue_delay", default: server.queueDelaySeconds)
        guard (0...3600).contains(delay) else {
            throw ConfigurationError("server.queue_delay must be 0 (no limit) to 3,600 seconds, not \(delay)")
        }
        server.queueDelaySeconds = delay
        server.idleTimeoutSeconds = try Self.notNegative(reader, "server.idle_timeout", server.idleTimeoutSeconds)
        server.httpPublic = reader.bool(forKey: "server.http_public", default: server.httpPublic)
        server.takesOver = reader.bool(forKey: "server.take_over", default: server.takesOver)
        server.unixSocketMode = reader.string(forKey: "server.unix_socket_mode", default: server.unixSocketMode)
        try access.read(from: reader)
        try tls.read(from: reader)
        try links.read(from: reader)
        guard access.clientCertificates.isEmpty || !tls.clientCAFile.isEmpty else {
            throw ConfigurationError(
                "access.client_certificates is of use only with tls.client_ca_file, the authority that signs them")
        }
        log.level = reader.string(forKey: "log.level", default: log.level)
        log.format = reader.string(forKey: "log.format", default: log.format)
        embeddingTable = reader.string(forKey: "embedding.table", default: embeddingTable)
        try validate()
    }

    /// Flags win over the environment, which wins over the file.
    ///
    /// - Parameters:
    ///   - flags: keys as in the file, e.g. `router.listen`.
    ///   - file: path of a YAML file, or nil for none.
    package static func load(file: String?, flags: ConfigurationFlags) async throws -> HerdConfiguration {
        var providers: [any ConfigProvider] = [
            InMemoryProvider(name: "flags", values: flags.values),
            KeyMappingProvider(upstream: EnvironmentVariablesProvider()) { key in
                AbsoluteConfigKey(["herd"] + key.components, context: key.context)
            },
        ]
        if let file { try ConfigurationFile(path: file).checkSize() }
        // The provider takes a mapping only, and a file with every line commented out is one without keys.
        if let file, !ConfigurationFile(path: file).isEmpty {
            let path = ConfigReader(
                provider: InMemoryProvider(values: ["filePath": .init(.string(file), isSecret: false)]))
            do {
                providers.append(try await FileProvider<YAMLSnapshot>(config: path))
            } catch {
                throw ConfigurationError(
                    "the configuration file '\(file)' can't be read: \(error); see Config/herdd.yaml for an example")
            }
        }
        let read = ReadKeys()
        var configuration: HerdConfiguration
        do throws(ConfigurationError) {
            configuration = try HerdConfiguration(reading: ConfigReader(providers: providers, accessReporter: read))
        } catch {
            throw read.failure.map { ConfigurationError($0) } ?? error
        }
        if let failure = read.failure { throw ConfigurationError(failure) }
        if let file { try ConfigurationFile(path: file).check(known: read.all) }
        configuration.strayVariables = strays(variables(), known: read.all)
        return configuration
    }

    /// The names of all that the process was started with.
    private static func variables() -> [String] {
        let entries = (ConfigurationFile(path: "/proc/self/environ").bytes() ?? []).split(separator: 0)
        return entries.map { entry in String(decoding: entry.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self) }
    }

    /// Those that begin like a key's, `HERD_TLS_...`, and are no key's. Others may be for other programs.
    package static func strays(_ variables: some Sequence<String>, known: Set<String>) -> [String] {
        func variable(_ key: some StringProtocol) -> String {
            "HERD_" + String(key.uppercased().map { $0 == "." ? "_" : $0 })
        }
        let all = Set(known.map { variable($0) })
        let sections = Set(known.compactMap { key in key.firstIndex(of: ".").map { variable(key[...$0]) } })
        // What herdctl takes for the name in a server's certificate.
        let others: Set = ["HERD_SERVER_NAME"]
        return variables.filter { name in
            !all.contains(name) && !others.contains(name) && sections.contains { name.hasPrefix($0) }
        }.sorted()
    }

    private func validate() throws(ConfigurationError) {
        for (key, addresses) in [
            ("router.listen", router.listen), ("scorer.listen", scorer.listen), ("refiner.listen", refiner.listen),
        ]
        where addresses.isEmpty {
            throw ConfigurationError("\(key) is an empty list; name an address, as 127.0.0.1:7601")
        }
        for address in router.listen + scorer.listen + [router.scorerAddress, router.refinerAddress] {
            _ = try Self.address(address)
        }
        for address in refiner.listen + [refiner.routerAddress, scorer.routerAddress] {
            _ = try Self.address(address)
        }
        guard ["trace", "debug", "info", "notice", "warning", "error", "critical"].contains(log.level) else {
            throw ConfigurationError(
                "log.level '\(log.level)' is not known; use trace, debug, info, notice, warning, error or critical")
        }
        guard ["json", "text"].contains(log.format) else {
            throw ConfigurationError("log.format '\(log.format)' is not known; use json or text")
        }
        guard server.eventLoops <= 256 else {
            throw ConfigurationError("server.event_loops must be 1 to 256, not \(server.eventLoops)")
        }
        _ = try Self.mode(server.unixSocketMode)
        for http in [router.http, scorer.http, refiner.http] { try http.check(isPublic: server.httpPublic) }
    }

    static func address(_ text: String) throws(ConfigurationError) -> EndpointAddress {
        guard let address = EndpointAddress(text) else {
            throw ConfigurationError(
                "'\(text)' is not an address; write host:port, e.g. 127.0.0.1:7601 or [::1]:7601, or unix:PATH")
        }
        return address
    }

    /// The permissions that `server.unix_socket_mode` names.
    static func mode(_ text: String) throws(ConfigurationError) -> UInt32 {
        guard let mode = UInt32(text, radix: 8), mode <= 0o777, mode & 0o200 != 0 else {
            throw ConfigurationError(
                "server.unix_socket_mode '\(text)' is no octal mode of 0200 to 0777 that lets the server's own user "
                    + "connect; write \"0600\" for that user alone, \"0660\" for its group, \"0666\" for all, in quotes"
            )
        }
        return mode
    }

    static func notNegative(
        _ reader: ConfigReader, _ key: ConfigKey, _ standard: Int
    ) throws(ConfigurationError) -> Int {
        let value = reader.int(forKey: key, default: standard)
        guard (0...1_000_000_000).contains(value) else {
            throw ConfigurationError("\(key.description) must be 0 to 1,000,000,000, not \(value)")
        }
        return value
    }

    static func positive(
        _ reader: ConfigReader, _ key: ConfigKey, _ standard: Int
    ) throws(ConfigurationError) -> Int {
        let value = reader.int(forKey: key, default: standard)
        guard value > 0, value <= 1_000_000_000 else {
            throw ConfigurationError("\(key.description) must be 1 to 1,000,000,000, not \(value)")
        }
        return value
    }

    static func bytes(
        _ reader: ConfigReader, _ key: ConfigKey, _ standard: Int
    ) throws(ConfigurationError) -> Int {
        let value = reader.int(forKey: key, default: standard)
        guard value >= 1 << 20 else {
            throw ConfigurationError("\(key.description) must be at least 1048576 bytes, not \(value)")
        }
        return value
    }
}

package struct RouterConfiguration: Sendable, Equatable {
    /// `router.listen`: addresses, `host:port`; port 0 lets the kernel choose.
    package var listen = ["127.0.0.1:7601"]
    /// `router.http_listen`: addresses of `/metrics`, `/healthz` and `/readyz`.
    package var http = HTTPListening(key: "router.http_listen", port: 7611)
    /// `router.data`: folder of the router's store.
    package var data = "data/router"
    /// `router.scorer_address`: where the scorer listens.
    package var scorerAddress = "127.0.0.1:7602"
    /// `router.cache_max_bytes`: bytes of cached predictions, over both generations.
    package var cacheMaxBytes = 1 << 30
    /// `router.decision_log_max_entries`: decisions kept; the oldest go first.
    package var decisionLogMaxEntries = 1_000_000
    /// `router.audit_max_entries`: entries of the audit log kept; the oldest go first.
    package var auditMaxEntries = 100_000
    /// `router.log_prompts`: whether decisions keep the prompt's text.
    package var logPrompts = false
    /// `router.store_max_bytes`: where the store stops growing (RESOURCE_EXHAUSTED).
    package var storeMaxBytes = 16 << 30
    /// `router.refiner_address`: where the refiner listens.
    package var refinerAddress = "127.0.0.1:7603"
    /// `router.secrets_dir`: the folder that endpoints' `api_key_file` and `ca_file` are looked up in; empty = none may
    /// be named.
    package var secretsDir = ""
    /// `router.session_expiry`: seconds after its last request that a session is forgotten.
    package var sessionExpirySeconds = 86_400
    /// `router.session_max_entries`: sessions kept; the oldest go first.
    package var sessionMaxEntries = 100_000
    package var backends = BackendsConfiguration()
}

package struct ScorerConfiguration: Sendable, Equatable {
    /// `scorer.listen`
    package var listen = ["127.0.0.1:7602"]
    /// `scorer.http_listen`
    package var http = HTTPListening(key: "scorer.http_listen", port: 7612)
    /// `scorer.data`: folder of the scorer's store.
    package var data = "data/scorer"
    /// `scorer.router_address`: where the router listens, which runs the models that are evaluated.
    package var routerAddress = "127.0.0.1:7601"
    /// `scorer.prompts_dir`: the folder of judge.txt, what models are asked with when they grade; empty = found beside the
    /// program (`PromptFolder`).
    package var promptsDir = ""
    /// `scorer.store_max_bytes`
    package var storeMaxBytes = 16 << 30
}

package struct ServerLimits: Sendable, Equatable {
    /// `server.default_timeout`: seconds for calls that come without a deadline.
    package var defaultTimeoutSeconds = 30
    /// `server.max_timeout`: seconds that no unary call may exceed.
    package var maxTimeoutSeconds = 3_600
    /// `server.drain_timeout`: seconds that open calls get at the end.
    package var drainTimeoutSeconds = 10
    /// `server.event_loops`: threads that serve connections.
    package var eventLoops = 1
    /// `server.max_connections`: connections served at once, in each service; what is over is refused, and
    /// before that those that have not said HELLO are ended.
    package var maxConnections = 10_240
    /// `server.hello_timeout`: seconds a client may take to say HELLO.
    package var helloTimeoutSeconds = 5
    /// `server.frame_timeout`: seconds a frame may take from its first byte to its last.
    package var frameTimeoutSeconds = 30
    /// `server.keepalive_interval`: seconds of silence after which a client gets a PING.
    package var keepaliveIntervalSeconds = 60
    /// `server.keepalive_timeout`: seconds the answer to it may take.
    package var keepaliveTimeoutSeconds = 20
    /// `server.queue_delay`: seconds that calls may wait before those over their caller's share are shed; 0 sheds none.
    package var queueDelaySeconds = 0.02
    /// `server.idle_timeout`: seconds a connection without calls is kept; 0 keeps it forever.
    package var idleTimeoutSeconds = 3_600
    /// `server.http_public`: whether `http_listen` may name addresses that other machines reach.
    package var httpPublic = false
    /// `server.take_over`: whether a process that has the data folder is asked to hand over its sockets and leave.
    package var takesOver = false
    /// `server.unix_socket_mode`: permissions of Unix sockets' files, octal.
    package var unixSocketMode = "0600"
}

package struct LogConfiguration: Sendable, Equatable {
    /// `log.level`
    package var level = "info"
    /// `log.format`: `json` (one object a line) or `text`.
    package var format = "json"
}

/// What is wrong with the configuration, in a sentence that names the key.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
