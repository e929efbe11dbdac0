import HerdPrediction

/// What is kept of a secret in its place: a random salt, and the SHA-256 of salt and secret.
///
/// A secret of 256 random bits needs no slow hash: nobody can try them all, and each connection costs one.
struct SecretDigest: Sendable, Hashable {
    let salt: [UInt8]
    let digest: [UInt8]

    static let saltBytes = 16

    init(salt: [UInt8], digest: [UInt8]) {
        self.salt = salt
        self.digest = digest
    }

    /// Of a secret, under a salt that is new unless it is given.
    init(of secret: some StringProtocol, salt: [UInt8]? = nil) {
        var generator = SystemRandomNumberGenerator()
        self.salt = salt ?? generator.next(bytes: Self.saltBytes)
        digest = SHA256.digest(self.salt + Array(secret.utf8))
    }

    /// Whether it is that secret's; takes the same time whatever it is.
    func matches(_ secret: some StringProtocol) -> Bool {
        let other = SecretDigest(of: secret, salt: salt).digest
        guard digest.count == other.count else { return false }
        var difference: UInt8 = 0
        for index in digest.indices { difference |= digest[index] ^ other[index] }
        return difference == 0
    }

    /// One that no secret matches, for ids that nobody has: looking for them takes as long as for those that are there.
    static let nobodys = SecretDigest(
        salt: [UInt8](repeating: 0, count: saltBytes), digest: [UInt8](repeating: 0, count: SHA256.byteCount))
}

extension AccessTokenRecord {
    /// A record that knows this secret again, and nothing else yet.
    package init(secret: String, salt: [UInt8]) {
        let digest = SecretDigest(of: secret, salt: salt)
        self.init()
        self.salt = digest.salt
        self.digest = digest.digest
    }
}
