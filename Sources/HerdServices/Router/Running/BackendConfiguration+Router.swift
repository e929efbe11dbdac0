import HerdBackends
import HerdMessages

extension BackendConfiguration {
    init(_ configuration: RouterConfiguration, version: String) {
        self.init()
        limits = BackendLimits(configuration.backends)
        secretsDirectory = configuration.secretsDir.isEmpty ? nil : configuration.secretsDir
        userAgent = "herd/\(version)"
    }
}

extension BackendLimits {
    init(_ backends: BackendsConfiguration) {
        self.init()
        connectTimeout = .seconds(backends.connectTimeoutSeconds)
        firstTokenTimeout = .seconds(backends.firstTokenTimeoutSeconds)
        betweenTokensTimeout = .seconds(backends.tokenTimeoutSeconds)
        maximumAttempts = backends.maxAttempts
        maximumAnswerBytes = backends.maxAnswerBytes
        breakerFailures = backends.breakerFailures
        breakerFirstPause = .seconds(backends.breakerPauseSeconds)
        healthInterval = .seconds(backends.healthIntervalSeconds)
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
