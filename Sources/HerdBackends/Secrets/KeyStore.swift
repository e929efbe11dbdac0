import Glibc

/// Reads keys where they are kept, at use, a file once a second at most; nothing is ever stored.
final class KeyStore: Sendable {
    private let files: SecretFiles
    private let finds = RecentFinds<Secret>()

    private static let longestKey = 8192

    init(_ files: SecretFiles) {
        self.files = files
    }

    static func validate(variable name: String) throws(EndpointConfiguration.Invalid) {
        let rest = name.utf8.dropFirst(9)
        let isName = rest.allSatisfy {
            $0 == UInt8(ascii: "_") || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0)
                || (0x61...0x7A).contains($0)
        }
        guard name.hasPrefix("HERD_KEY_"), !rest.isEmpty, isName else {
            throw EndpointConfiguration.Invalid(
                field: "api_key_env",
                reason: "must be the name of an environment variable that begins with HERD_KEY_, as HERD_KEY_OPENAI; "
                    + "never give the key itself")
        }
    }

    /// The key of an endpoint; nil where it needs none.
    ///
    /// - Throws: `missingKey`, naming the reference and never what is behind it.
    func key(of endpoint: EndpointConfiguration) throws(BackendError) -> Secret? {
        do throws(SecretFiles.Refused) {
            if let name = endpoint.apiKeyEnv { return try Self.key(inVariable: name) }
            if let path = endpoint.apiKeyFile {
                return try finds.find(path) { () throws(SecretFiles.Refused) in try key(inFile: path) }
            }
            return nil
        } catch {
            let place =
                endpoint.apiKeyEnv.map { "the environment variable \($0)" } ?? "the file \(endpoint.apiKeyFile ?? "")"
            throw BackendError(
                .missingKey, "There is no key for \(endpoint.baseURL): \(place) \(error.reason).",
                endpoint: endpoint.baseURL)
        }
    }

    private static func key(inVariable name: String) throws(SecretFiles.Refused) -> Secret {
        guard let value = getenv(name) else { throw SecretFiles.Refused(reason: "is not set") }
        return try secret(String(cString: value))
    }

    private func key(inFile path: String) throws(SecretFiles.Refused) -> Secret {
        let file = try files.open(path)
        // Two more for the end of the line, one more to see that it is too long.
        var bytes = [UInt8](repeating: 0, count: Self.longestKey + 3)
        let count = bytes.withUnsafeMutableBytes { read(file.descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw SecretFiles.Refused(reason: "cannot be read") }
        return try Self.secret(String(decoding: bytes.prefix(count), as: UTF8.self))
    }

    /// A key as it goes into a header: visible ASCII only, so that it cannot begin another line.
    private static func secret(_ text: String) throws(SecretFiles.Refused) -> Secret {
        var key = Substring(text)
        while key.utf8.last == 0x0A || key.utf8.last == 0x0D { key.unicodeScalars.removeLast() }
        guard !key.isEmpty else { throw SecretFiles.Refused(reason: "is empty") }
        guard key.utf8.count <= longestKey else {
            throw SecretFiles.Refused(reason: "has over \(longestKey) bytes, which no key has")
        }
        guard key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw SecretFiles.Refused(reason: "has spaces, line breaks or other characters that no key has")
        }
        return Secret(String(key))
    }
}
