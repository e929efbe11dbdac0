package import HerdMessages

/// An endpoint on the command line: `URL[,model=NAME][,concurrency=N][,key-env=VARIABLE]...`.
package enum EndpointOption {
    package static let help =
        "An OpenAI-compatible base URL, and after commas what else is to be known: model=NAME (what the endpoint calls "
        + "it), concurrency=N, key-env=HERD_KEY_..., key-file=FILE, ca-file=FILE, connect-timeout=S, first-token-timeout=S, "
        + "token-timeout=S; may be repeated."

    package static func parse(_ option: String) throws -> Endpoint {
        let parts = option.split(separator: ",", omittingEmptySubsequences: false)
        var endpoint = Endpoint(baseUrl: String(parts[0]))
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, !pair[1].isEmpty else { throw wrong("'\(part)' is no NAME=VALUE") }
            let value = String(pair[1])
            switch pair[0] {
            case "model": endpoint.model = value
            case "concurrency": endpoint.maxConcurrency = try number(value, of: "concurrency")
            case "key-env": endpoint.apiKeyEnv = value
            case "key-file": endpoint.apiKeyFile = value
            case "ca-file": endpoint.caFile = value
            case "connect-timeout": endpoint.connectTimeout = try number(value, of: "connect-timeout")
            case "first-token-timeout": endpoint.firstTokenTimeout = try number(value, of: "first-token-timeout")
            case "token-timeout": endpoint.tokenTimeout = try number(value, of: "token-timeout")
            default: throw wrong("'\(pair[0])' is not known")
            }
        }
        return endpoint
    }

    private static func number<Value: LosslessStringConvertible>(_ text: String, of name: String) throws -> Value {
        guard let value = Value(text) else { throw wrong("\(name) is no number: '\(text)'") }
        return value
    }

    private static func wrong(_ what: String) -> CommandFailure {
        CommandFailure(
            "--endpoint: \(what); write URL and what else is to be known, e.g. "
                + "--endpoint http://127.0.0.1:8080/v1,model=qwen,concurrency=4,key-env=HERD_KEY_QWEN", exitCode: 64)
    }
}
