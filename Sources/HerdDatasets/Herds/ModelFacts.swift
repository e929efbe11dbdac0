/// The public facts of one model, as a herd file states them. A fact that is nil is not known.
package struct ModelFacts: Sendable, Equatable {
    /// Where the model is served, for `herdctl model add --file`.
    package struct Endpoint: Sendable, Equatable {
        /// Base of an OpenAI-compatible API, such as `http://127.0.0.1:8080/v1`.
        package var baseURL: String
        /// The name the endpoint knows the model by; nil = the model's own.
        package var model: String?
        package var maxConcurrency: Int?
        /// Name of the router's environment variable that holds the key; begins with `HERD_KEY_`.
        package var apiKeyEnv: String?
        /// Name of a file below the router's `secrets_dir` that holds the key.
        package var apiKeyFile: String?
        /// Seconds; nil = the router's default.
        package var connectTimeout: Double?
        package var firstTokenTimeout: Double?
        package var tokenTimeout: Double?
        /// Name of a PEM file below `secrets_dir` with the authorities trusted for this endpoint.
        package var caFile: String?

        package init(
            baseURL: String, model: String? = nil, maxConcurrency: Int? = nil, apiKeyEnv: String? = nil
        ) {
            self.baseURL = baseURL
            self.model = model
            self.maxConcurrency = maxConcurrency
            self.apiKeyEnv = apiKeyEnv
        }
    }

    /// The key of the model's scores in evaluation data.
    package var name: String
    /// Billions of parameters in all.
    package var parametersB: Double?
    /// Billions of parameters used per token; of a mixture of experts less than all.
    package var activeB: Double?
    package var licence: String?
    /// Context window in tokens.
    package var context: Int?
    /// US dollars per million prompt tokens.
    package var priceIn: Double?
    /// US dollars per million answer tokens.
    package var priceOut: Double?
    /// US dollars per million prompt tokens that the provider has cached.
    package var priceCached: Double?
    /// Whether the model costs nothing.
    package var free: Bool?
    /// YYYY-MM-DD.
    package var released: String?
    /// Gigabytes the weights take.
    package var memoryGB: Double?
    /// "tools", "vision", "json" ...
    package var capabilities: [String]
    package var endpoints: [Endpoint]
    /// Seconds to the first token, declared until measured.
    package var firstTokenSeconds: Double?
    package var tokensPerSecond: Double?
    /// Mean length of an answer in tokens.
    package var outputTokens: Double?
    /// Whether it runs on the operator's own machines.
    package var local: Bool?

    package init(name: String) {
        self.name = name
        capabilities = []
        endpoints = []
    }
}
