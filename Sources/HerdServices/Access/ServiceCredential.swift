import HerdTransport
import NIOConcurrencyHelpers

/// The secret that a herd's own processes know each other by: a file that all of them have, or one made for a process that
/// runs all of them.
///
/// The file has a secret a line. The first is the one that is shown, all are taken: so a new one is added below the old
/// everywhere, then put first, then the old one is removed.
final class ServiceCredential: Sendable {
    fileprivate struct State {
        /// What is shown to other processes.
        var secret = ""
        var digests: [SecretDigest] = []
        var signature: FileSignature?
        /// Moves on with every new secret, and every one that is gone.
        var version = 0
        /// Whether the file could not be used the last time, which was told then.
        var hasFailed = false
    }

    /// Empty where there is no file.
    let path: String
    private let state: NIOLockedValueBox<State>

    /// Shorter ones could be guessed.
    fileprivate static let shortest = 32
    fileprivate static let longest = 512

    /// One that no other process knows.
    init() {
        path = ""
        let secret = TokenText.make().text
        state = NIOLockedValueBox(State(secret: secret, digests: [SecretDigest(of: secret)]))
    }

    /// Reads the file.
    ///
    /// - Throws: `ConfigurationError` naming the file and what is wrong with it.
    init(path: String) throws(ConfigurationError) {
        self.path = path
        state = NIOLockedValueBox(try Reading(path).state)
    }

    /// What other processes are shown.
    var secret: String { state.withLockedValue { $0.secret } }

    /// Which of the secrets this is, as a name for it; nil if it is none of them.
    func name(of secret: some StringProtocol) -> String? {
        let digests = state.withLockedValue { $0.digests }
        var found: String?
        // Every one, so that the time does not tell which.
        for digest in digests where digest.matches(secret) { found = Self.name(digest) }
        return found
    }

    /// Whether the secret of that name is still one of them.
    func contains(_ name: String) -> Bool {
        state.withLockedValue { state in state.digests.contains { Self.name($0) == name } }
    }

    /// Moves on with every change: several services of a process have one credential, and each is to notice.
    var version: Int { state.withLockedValue { $0.version } }

    /// Reads the file again where it has changed: true where it did and there is something new in it.
    ///
    /// - Throws: what is wrong with it, once; the secrets stay as they were, and it is tried again.
    func reload() throws(ConfigurationError) -> Bool {
        guard !path.isEmpty else { return false }
        let signature = FileSignature(path: path)
        let (before, digests, version, hadFailed) = state.withLockedValue { state in
            defer { state.signature = signature }
            return (state.signature, state.digests, state.version, state.hasFailed)
        }
        guard signature != before || hadFailed else { return false }
        var fresh: Reading
        do throws(ConfigurationError) {
            fresh = try Reading(path)
        } catch {
            state.withLockedValue { $0.hasFailed = true }
            guard signature != before else { return false }
            throw error
        }
        // Those that were there keep their names, and with them the connections that came with them.
        fresh.digests = fresh.digests.enumerated().map { index, digest in
            digests.first { $0.matches(fresh.secrets[index]) } ?? digest
        }
        let isNew = fresh.digests != digests
        var loaded = fresh.state
        loaded.version = isNew ? version + 1 : version
        state.withLockedValue { $0 = loaded }
        return isNew
    }

    private static func name(_ digest: SecretDigest) -> String {
        "service/" + digest.salt.prefix(4).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

extension ServiceCredential {
    /// What a file holds, while its secrets are at hand.
    private struct Reading {
        let secrets: [String]
        var digests: [SecretDigest]
        let signature: FileSignature?

        /// - Throws: `ConfigurationError` naming the file, never what is in it.
        init(_ path: String) throws(ConfigurationError) {
            // Before it is read: what is written meanwhile is read the next time.
            signature = FileSignature(path: path)
            let text: String
            do throws(SecretFileError) {
                text = try SecretFile.text(at: path)
            } catch {
                throw ConfigurationError("access.service_credential_file: \(error)")
            }
            secrets = text.split(whereSeparator: \.isNewline).map { Self.trimmed($0) }.filter { !$0.isEmpty }
            guard !secrets.isEmpty else {
                throw ConfigurationError(
                    "access.service_credential_file '\(path)' is empty; openssl rand -hex 32 > FILE makes one")
            }
            for (index, secret) in secrets.enumerated() {
                guard (shortest...longest).contains(secret.utf8.count),
                    secret.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
                else {
                    throw ConfigurationError(
                        "access.service_credential_file '\(path)', line \(index + 1): a secret has \(shortest) to "
                            + "\(longest) printable ASCII characters without spaces; openssl rand -hex 32 makes one")
                }
            }
            digests = secrets.map { SecretDigest(of: $0) }
        }

        private static func trimmed(_ line: Substring) -> String {
            var line = line
            while line.first?.isWhitespace == true { line.removeFirst() }
            while line.last?.isWhitespace == true { line.removeLast() }
            return String(line)
        }

        var state: State { State(secret: secrets.first ?? "", digests: digests, signature: signature) }
    }
}
