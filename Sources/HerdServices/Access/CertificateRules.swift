import HerdFrames
import HerdServer
import HerdTransport

/// What the owners of client certificates may do, by the names in them: `access.client_certificates`.
struct CertificateRules: Sendable, Equatable {
    struct Rule: Sendable, Equatable {
        /// As the configuration has it.
        var name: String
        /// The same as certificates are searched for it.
        var certificateName: PeerCertificate.Name
        var roles: Roles
        /// Empty = none.
        var tenant: String
    }

    let rules: [Rule]

    /// Nobody is let in by certificate.
    static let none = CertificateRules(rules: [])

    private init(rules: [Rule]) {
        self.rules = rules
    }

    /// Reads rules as the configuration has them: `NAME=ROLE`, `NAME=ROLE+ROLE`, `NAME=ROLE:TENANT`.
    init(_ texts: [String]) throws(ConfigurationError) {
        var rules: [Rule] = []
        for text in texts {
            guard let equals = text.lastIndex(of: "=") else { throw Self.unreadable(text) }
            let name = String(text[..<equals])
            let certificateName = PeerCertificate.Name(written: name)
            let parts = text[text.index(after: equals)...].split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            var roles: Roles = []
            for part in parts[0].split(separator: "+", omittingEmptySubsequences: false) {
                guard let role = Roles(name: String(part)) else { throw Self.unreadable(text) }
                roles.insert(role)
            }
            guard !name.isEmpty, !roles.isEmpty else { throw Self.unreadable(text) }
            guard !rules.contains(where: { $0.certificateName == certificateName }) else {
                throw ConfigurationError("access.client_certificates names '\(name)' twice; give each name one line")
            }
            let tenant = parts.count > 1 ? String(parts[1]) : ""
            if !tenant.isEmpty, (try? Check.name(tenant, field: "tenant")) == nil { throw Self.unreadable(text) }
            rules.append(Rule(name: name, certificateName: certificateName, roles: roles, tenant: tenant))
        }
        self.rules = rules
    }

    var isEmpty: Bool { rules.isEmpty }

    /// What a certificate's owner may do: by the first of the rules that names it, with a name of the same kind. There
    /// are no patterns.
    func rule(for certificate: PeerCertificate) -> Rule? {
        rules.first { certificate.names.contains($0.certificateName) }
    }

    private static func unreadable(_ text: String) -> ConfigurationError {
        ConfigurationError(
            "access.client_certificates: '\(text)' can't be read; write NAME=ROLE, NAME=ROLE+ROLE or NAME=ROLE:TENANT "
                + "with a name in the certificate and the roles client, admin or service")
    }
}
