/// Where and under which conditions a model can be asked. Two of a model with the same base URL and model name are the same
/// endpoint. Its limits are its own: other models at the same base URL do not count against them.
package struct EndpointConfiguration: Sendable, Hashable {
    /// Of the OpenAI-compatible API, as `http://127.0.0.1:8080/v1`; `http` or `https`, no user, query or fragment.
    package var baseURL: String
    /// What the server there calls the model.
    package var modelName: String
    /// Calls that it answers at a time, at least 1.
    package var maxConcurrency = 8
    /// Calls that may wait for it. A model's endpoints share one queue, as long as these together.
    package var maxQueue = 256
    /// The name of the environment variable with the key; begins with `HERD_KEY_`.
    package var apiKeyEnv: String?
    /// The file with the key: under the secrets directory, named from there or absolutely.
    package var apiKeyFile: String?
    /// A file of PEM certificates that are trusted instead of the system's: under the secrets directory, too.
    package var caFile: String?
    /// Time-outs in place of those of `BackendLimits`.
    package var connectTimeout: Duration?
    package var firstTokenTimeout: Duration?
    package var betweenTokensTimeout: Duration?

    package init(baseURL: String, modelName: String) {
        self.baseURL = baseURL
        self.modelName = modelName
    }

    func isSameEndpoint(as other: EndpointConfiguration) -> Bool {
        baseURL == other.baseURL && modelName == other.modelName
    }

    /// What is wrong with one.
    package struct Invalid: Error, Equatable, CustomStringConvertible {
        /// As in the configuration: `base_url`, `api_key_env`.
        package var field: String
        /// What is wrong and what is allowed, as the rest of a sentence that begins with the field.
        package var reason: String

        package var description: String { "\(field) \(reason)." }
    }

    /// - Throws: the first field that is wrong. Whether key and server are there is found out at use.
    package func validate() throws(Invalid) {
        if let reason = Self.fault(inURL: baseURL) { throw Invalid(field: "base_url", reason: reason) }
        guard !modelName.isEmpty else { throw Invalid(field: "model", reason: "must not be empty") }
        guard (1...4096).contains(maxConcurrency) else {
            throw Invalid(field: "max_concurrency", reason: "must be from 1 to 4096")
        }
        guard (0...65_536).contains(maxQueue) else {
            throw Invalid(field: "max_queue", reason: "must be from 0 to 65536")
        }
        guard apiKeyEnv == nil || apiKeyFile == nil else {
            throw Invalid(field: "api_key_file", reason: "cannot be given besides api_key_env; leave one out")
        }
        if let name = apiKeyEnv { try KeyStore.validate(variable: name) }
        if let path = apiKeyFile { try SecretFiles.validate(path, field: "api_key_file") }
        if let path = caFile { try SecretFiles.validate(path, field: "ca_file") }
        let times = [
            ("connect_timeout", connectTimeout), ("first_token_timeout", firstTokenTimeout),
            ("token_timeout", betweenTokensTimeout),
        ]
        for (field, time) in times {
            guard let time else { continue }
            guard time > .zero, time <= .seconds(86_400) else {
                throw Invalid(field: field, reason: "must be over 0 and at most a day")
            }
        }
    }

    /// - Returns: what is wrong, never quoting it: a password may be in it.
    private static func fault(inURL url: String) -> String? {
        let rest: Substring
        if url.lowercased().hasPrefix("http://") {
            rest = url.dropFirst(7)
        } else if url.lowercased().hasPrefix("https://") {
            rest = url.dropFirst(8)
        } else {
            return "must begin with http:// or https://"
        }
        guard url.utf8.count <= 2048 else { return "must have at most 2048 bytes" }
        guard url.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"\"<>\\^`{|}".utf8.contains($0) }) else {
            return "must not have spaces or characters that a URL needs escaped"
        }
        guard !rest.contains("?"), !rest.contains("#") else { return "must not have a query or a fragment" }
        let authority = rest.prefix { $0 != "/" }
        guard !authority.contains("@") else {
            return "must not have a user or password; use api_key_env or api_key_file"
        }
        guard !authority.isEmpty, !authority.hasPrefix(":") else { return "must name a host" }
        let afterBracket = authority.lastIndex(of: "]").map { authority[$0...].dropFirst() } ?? authority
        if authority.hasPrefix("["), !authority.contains("]") {
            return "has an IPv6 address without its closing bracket"
        }
        if let colon = afterBracket.firstIndex(of: ":") {
            let port = afterBracket[colon...].dropFirst()
            guard let number = UInt16(port), number > 0, port.allSatisfy(\.isNumber) else {
                return "must have a port from 1 to 65535"
            }
        }
        return nil
    }

    // MARK: - Paths

    private var base: Substring {
        var base = Substring(baseURL)
        while base.hasSuffix("/") { base = base.dropLast() }
        return base
    }

    var chatURL: String { "\(base)/chat/completions" }
    var modelsURL: String { "\(base)/models" }
    /// llama.cpp, vLLM and others answer it beside `/v1`, without a key.
    var healthURL: String { base.hasSuffix("/v1") ? "\(base.dropLast(3))/health" : "\(base)/health" }

    func limits(_ limits: BackendLimits) -> BackendLimits {
        var own = limits
        own.connectTimeout = connectTimeout ?? limits.connectTimeout
        own.firstTokenTimeout = firstTokenTimeout ?? limits.firstTokenTimeout
        own.betweenTokensTimeout = betweenTokensTimeout ?? limits.betweenTokensTimeout
        return own
    }
}
