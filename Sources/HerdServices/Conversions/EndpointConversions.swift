import HerdBackends
import HerdFrames
import HerdMessages

extension EndpointRecord {
    static let mostPerModel = 32
    static let mostConcurrency: UInt32 = 4_096
    static let longestTimeout = 3_600.0

    /// Checks an endpoint that came over the wire.
    ///
    /// - Parameters:
    ///   - field: `model.endpoints[2]`, for errors. They never repeat the URL, which may hold what was meant to be secret.
    ///   - hasSecretsFolder: whether `router.secrets_dir` is set, so that files may be named.
    init(validating endpoint: Endpoint, field: String, hasSecretsFolder: Bool) throws(CallError) {
        try Check.length(endpoint.baseUrl, field: "\(field).base_url", atMost: 2_000)
        if let problem = EndpointURL.problem(endpoint.baseUrl) {
            throw CallError(
                .invalidArgument, "\(field).base_url \(problem); it looks like http://127.0.0.1:8080/v1")
        }
        if !endpoint.model.isEmpty { try Check.name(endpoint.model, field: "\(field).model") }
        guard endpoint.maxConcurrency <= Self.mostConcurrency else {
            throw CallError(
                .invalidArgument,
                "\(field).max_concurrency must be 0 (the router's default) to \(Self.mostConcurrency), not "
                    + "\(endpoint.maxConcurrency)")
        }
        try Self.checkKey(endpoint, field: field)
        for (name, file) in [("api_key_file", endpoint.apiKeyFile), ("ca_file", endpoint.caFile)] where !file.isEmpty {
            try Self.checkFile(file, field: "\(field).\(name)", hasSecretsFolder: hasSecretsFolder)
        }
        for (name, seconds) in [
            ("connect_timeout", endpoint.connectTimeout), ("first_token_timeout", endpoint.firstTokenTimeout),
            ("token_timeout", endpoint.tokenTimeout),
        ] {
            guard seconds >= 0, seconds <= Self.longestTimeout else {
                throw CallError(
                    .invalidArgument,
                    "\(field).\(name) must be 0 (the router's default) to \(Int(Self.longestTimeout)) seconds, not "
                        + "\(seconds)")
            }
        }
        do throws(EndpointConfiguration.Invalid) {
            try EndpointConfiguration(endpoint, model: "m", defaults: BackendsConfiguration()).validate()
        } catch {
            throw CallError(.invalidArgument, "\(field).\(error.field) \(error.reason)")
        }
        self.init(
            baseUrl: endpoint.baseUrl, model: endpoint.model, maxConcurrency: endpoint.maxConcurrency,
            apiKeyEnv: endpoint.apiKeyEnv, apiKeyFile: endpoint.apiKeyFile, connectTimeout: endpoint.connectTimeout,
            firstTokenTimeout: endpoint.firstTokenTimeout, tokenTimeout: endpoint.tokenTimeout,
            caFile: endpoint.caFile)
    }

    private static func checkKey(_ endpoint: Endpoint, field: String) throws(CallError) {
        guard endpoint.apiKeyEnv.isEmpty || endpoint.apiKeyFile.isEmpty else {
            throw CallError(.invalidArgument, "\(field) names both api_key_env and api_key_file; give one of them")
        }
        let name = endpoint.apiKeyEnv
        guard !name.isEmpty else { return }
        try Check.length(name, field: "\(field).api_key_env", atMost: 200)
        let prefix = "HERD_KEY_"
        let rest = name.utf8.dropFirst(prefix.utf8.count)
        let isName = rest.allSatisfy { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
        }
        // What is no such name may be the key itself, and is not repeated.
        guard name.hasPrefix(prefix), !rest.isEmpty, isName else {
            throw CallError(
                .invalidArgument,
                "\(field).api_key_env must be the name of an environment variable, HERD_KEY_ and then A-Z, 0-9 or _, "
                    + "such as HERD_KEY_OPENAI; the key itself is not taken")
        }
    }

    private static func checkFile(_ file: String, field: String, hasSecretsFolder: Bool) throws(CallError) {
        guard hasSecretsFolder else {
            throw CallError(
                .failedPrecondition,
                "\(field) needs a folder for secrets; set router.secrets_dir and start the router again")
        }
        try Check.length(file, field: field, atMost: 400)
        let parts = file.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isRelative = parts.allSatisfy { part in
            !part.isEmpty && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
        }
        guard isRelative, !file.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw CallError(
                .invalidArgument,
                "\(field) must be the name of a file below router.secrets_dir, such as openai.key: relative, without . "
                    + "and ..")
        }
    }
}

extension Endpoint {
    init(_ record: EndpointRecord) {
        self.init(
            baseUrl: record.baseUrl, model: record.model, maxConcurrency: record.maxConcurrency,
            apiKeyEnv: record.apiKeyEnv, apiKeyFile: record.apiKeyFile, connectTimeout: record.connectTimeout,
            firstTokenTimeout: record.firstTokenTimeout, tokenTimeout: record.tokenTimeout, caFile: record.caFile)
    }
}

/// What an endpoint's base URL may look like: `http[s]://host[:port][/path]`.
package enum EndpointURL {
    /// What is wrong, as the rest of a sentence that begins with the field; nil where nothing is.
    package static func problem(_ url: String) -> String? {
        guard !url.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) else {
            return "must hold no white space, control or non-ASCII characters (write them percent-encoded)"
        }
        let schemes = ["http://", "https://"]
        guard let scheme = schemes.first(where: { url.lowercased().hasPrefix($0) }) else {
            return "must begin with http:// or https://"
        }
        let rest = url.utf8.dropFirst(scheme.utf8.count)
        guard !rest.contains(UInt8(ascii: "?")), !rest.contains(UInt8(ascii: "#")) else {
            return "must have no query and no fragment"
        }
        let authority = rest.prefix { $0 != UInt8(ascii: "/") }
        guard !authority.contains(UInt8(ascii: "@")) else {
            return "must hold no credentials; name a key with api_key_env or api_key_file"
        }
        return authorityProblem(authority)
    }

    private static func authorityProblem(_ authority: Substring.UTF8View) -> String? {
        var port: Substring.UTF8View?
        if authority.first == UInt8(ascii: "[") {
            guard let end = authority.firstIndex(of: UInt8(ascii: "]")) else { return "has a [ without its ]" }
            let host = authority[..<end].dropFirst()
            guard host.contains(UInt8(ascii: ":")), host.allSatisfy(isAddressByte) else {
                return "has no IPv6 address between [ and ]"
            }
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.first == UInt8(ascii: ":") else { return "has something odd after its ]" }
            if !after.isEmpty { port = after.dropFirst() }
        } else {
            let host = authority.prefix { $0 != UInt8(ascii: ":") }
            guard !host.isEmpty else { return "names no host" }
            guard host.allSatisfy(isHostByte) else { return "has a character in its host that no host name has" }
            let after = authority[host.endIndex...]
            if !after.isEmpty { port = after.dropFirst() }
        }
        if let port {
            guard let number = UInt16(String(port) ?? ""), number > 0 else {
                return "has a port that is not 1 to 65535"
            }
        }
        return nil
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "%") || isAlphanumeric(byte)
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || isAlphanumeric(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
