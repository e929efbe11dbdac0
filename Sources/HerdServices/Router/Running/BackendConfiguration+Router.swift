import HerdBackends
import HerdMessages

extension BackendConfiguration {
    init(_ configuration: RouterConfiguration, version: String) {
        self.init()
        let backends = configuration.backends
        limits.connectTimeout = .seconds(backends.connectTimeoutSeconds)
        limits.firstTokenTimeout = .seconds(backends.firstTokenTimeoutSeconds)
        limits.betweenTokensTimeout = .seconds(backends.tokenTimeoutSeconds)
        limits.maximumAttempts = backends.maxAttempts
        limits.maximumAnswerBytes = backends.maxAnswerBytes
        limits.breakerFailures = backends.breakerFailures
        limits.breakerFirstPause = .seconds(backends.breakerPauseSeconds)
        limits.healthInterval = .seconds(backends.healthIntervalSeconds)
        secretsDirectory = configuration.secretsDir.isEmpty ? nil : configuration.secretsDir
        userAgent = "herd/\(version)"
    }
}

extension EndpointConfiguration {
    /// - Parameter model: the herd's name of the model, where the endpoint has none of its own.
    init(_ endpoint: Endpoint, model: String, defaults: BackendsConfiguration) {
        self.init(baseURL: endpoint.baseUrl, modelName: endpoint.model.isEmpty ? model : endpoint.model)
        maxConcurrency = endpoint.maxConcurrency == 0 ? defaults.maxConcurrency : Int(endpoint.maxConcurrency)
        maxQueue = defaults.maxQueue
        if !endpoint.apiKeyEnv.isEmpty { apiKeyEnv = endpoint.apiKeyEnv }
        if !endpoint.apiKeyFile.isEmpty { apiKeyFile = endpoint.apiKeyFile }
        if !endpoint.caFile.isEmpty { caFile = endpoint.caFile }
        if endpoint.connectTimeout > 0 { connectTimeout = .seconds(endpoint.connectTimeout) }
        if endpoint.firstTokenTimeout > 0 { firstTokenTimeout = .seconds(endpoint.firstTokenTimeout) }
        if endpoint.tokenTimeout > 0 { betweenTokensTimeout = .seconds(endpoint.tokenTimeout) }
    }
}
