import CCurl
import Glibc
import NIOConcurrencyHelpers

/// Reads keys where they are kept, at use. A file is read again when it has changed; nothing is ever stored.
final class KeyStore: Sendable {
    private struct Cached {
        var device: UInt64
        var inode: UInt64
        var size: Int
        var modified: Int64
        var changed: Int64
        var key: Secret
    }

    private let directory: String?
    private let files = NIOLockedValueBox<[String: Cached]>([:])

    private static let longestKey = 8192

    /// - Parameter directory: Where key files have to lie; nil to have none.
    init(directory: String?) {
        self.directory = directory
    }

    // MARK: - References

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

    static func validate(file path: String) throws(EndpointConfiguration.Invalid) {
        let components = path.split(separator: "/", omittingEmptySubsequences: true)
        guard !components.isEmpty, !components.contains(".."), !path.utf8.contains(0), path.utf8.count <= 4096 else {
            throw EndpointConfiguration.Invalid(
                field: "api_key_file", reason: "must be the path of a file under the secrets directory, without ..")
        }
    }

    // MARK: - Keys

    /// The key of an endpoint; nil where it needs none.
    ///
    /// - Throws: `missingKey`, naming the reference and never what is behind it.
    func key(of endpoint: EndpointConfiguration) throws(BackendError) -> Secret? {
        if let name = endpoint.apiKeyEnv {
            guard let value = getenv(name) else {
                throw Self.missing(endpoint, "the environment variable \(name) is not set")
            }
            return try Self.secret(String(cString: value), endpoint, "the environment variable \(name)")
        }
        if let path = endpoint.apiKeyFile { return try key(inFile: path, endpoint) }
        return nil
    }

    private static func missing(_ endpoint: EndpointConfiguration, _ reason: String) -> BackendError {
        BackendError(.missingKey, "There is no key for \(endpoint.baseURL): \(reason).", endpoint: endpoint.baseURL)
    }

    private static func secret(
        _ text: String, _ endpoint: EndpointConfiguration, _ place: String
    ) throws(BackendError) -> Secret {
        var key = Substring(text)
        while key.utf8.last == 0x0A || key.utf8.last == 0x0D { key.unicodeScalars.removeLast() }
        guard !key.isEmpty else { throw missing(endpoint, "\(place) is empty") }
        guard key.utf8.count <= longestKey, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw missing(endpoint, "what is in \(place) has spaces, line breaks or other characters that no key has")
        }
        return Secret(String(key))
    }

    // MARK: - Files

    private func key(inFile path: String, _ endpoint: EndpointConfiguration) throws(BackendError) -> Secret {
        let place = "the file \(path)"
        guard let directory else {
            throw Self.missing(endpoint, "\(place) cannot be used without a configured secrets directory")
        }
        let wanted = path.hasPrefix("/") ? path : "\(directory)/\(path)"
        // Links may stay inside, as those of Kubernetes do; what they lead to is what counts.
        guard let root = Self.resolved(directory) else {
            throw Self.missing(endpoint, "the secrets directory cannot be read")
        }
        guard let real = Self.resolved(wanted) else { throw Self.missing(endpoint, "\(place) is not there") }
        guard real.hasPrefix(root == "/" ? "/" : root + "/") else {
            throw Self.missing(endpoint, "\(place) is not under the secrets directory")
        }
        let descriptor = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.missing(endpoint, "\(place) cannot be read") }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_size <= Self.longestKey + 2
        else { throw Self.missing(endpoint, "\(place) is no file of at most \(Self.longestKey) bytes") }
        var (modified, changed) = (Int64(0), Int64(0))
        herd_file_times(descriptor, &modified, &changed)
        let known = files.withLockedValue { $0[real] }
        if let known, known.device == UInt64(facts.st_dev), known.inode == UInt64(facts.st_ino),
            known.size == Int(facts.st_size), known.modified == modified, known.changed == changed
        {
            return known.key
        }
        var bytes = [UInt8](repeating: 0, count: Self.longestKey + 3)
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw Self.missing(endpoint, "\(place) cannot be read") }
        let key = try Self.secret(String(decoding: bytes.prefix(count), as: UTF8.self), endpoint, place)
        let cached = Cached(
            device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino), size: Int(facts.st_size), modified: modified,
            changed: changed, key: key)
        files.withLockedValue { files in
            // Files come and go; more than this many endpoints with files of their own are not to be expected.
            if files.count >= 1024 { files.removeAll() }
            files[real] = cached
        }
        return key
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
