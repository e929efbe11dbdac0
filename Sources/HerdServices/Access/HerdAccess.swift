package import HerdFrames
package import HerdServer
import HerdTransport
import NIOConcurrencyHelpers
package import NIOCore

/// Who is let in by one service of a herd: by token, by the credential of the herd's own processes, or by certificate.
///
/// While there is none of them everybody is let in and may do everything: such a herd listens on loopback only.
package final class HerdAccess: AccessControl {
    package let generation = AccessGeneration()
    /// Of the router; nil for the services behind it, which know no tokens.
    let tokens: TokenDirectory?
    let credential: ServiceCredential?
    /// Of the server; nil without.
    private let tls: ServerTLS?
    private let rules: NIOLockedValueBox<CertificateRules>
    var certificates: CertificateRules { rules.withLockedValue { $0 } }
    /// Whether somebody else says that there is a credential: the router, to the services in its process.
    private let isGuardedElsewhere: @Sendable () -> Bool
    /// Set by the server, once it is there: looks again at everybody who is connected.
    private let connections = NIOLockedValueBox<(@Sendable () -> Void)?>(nil)

    /// How long a caller's credential goes without being looked at, in case the clock was set.
    private static let recheckInterval = TimeAmount.seconds(1)
    /// Whoever revokes the own token, or makes the first one, gets to know that it was done.
    private static let courtesy = Duration.milliseconds(100)
    private static let longestAuthorization = 1_024
    private static let certificatePrefix = "certificate/"

    init(
        tokens: TokenDirectory?, credential: ServiceCredential?, certificates: CertificateRules,
        tls: ServerTLS? = nil, isGuardedElsewhere: @escaping @Sendable () -> Bool = { false }
    ) {
        self.tokens = tokens
        self.credential = credential
        self.tls = tls
        rules = NIOLockedValueBox(certificates)
        self.isGuardedElsewhere = isGuardedElsewhere
    }

    /// Lets in the owners of these tokens and nobody else, as a router whose store holds them.
    package convenience init(tokens: [AccessTokenRecord]) {
        let directory = TokenDirectory()
        directory.load(tokens, areThereAny: true)
        self.init(tokens: directory, credential: nil, certificates: .none)
    }

    /// Whether nobody gets in without a credential.
    var isGuarded: Bool { isGuardedByItself || isGuardedElsewhere() }

    /// The same, whatever others in its process say.
    var isGuardedByItself: Bool {
        isGuarded(with: certificates)
    }

    /// Whether other services are known by their certificates.
    var letsServicesIn: Bool { certificates.rules.contains { rule in rule.roles.contains(.service) } }

    package func roles(for method: String) -> Roles {
        tokens == nil ? MethodRoles.behindTheRouter(method) : MethodRoles.router(method)
    }

    // MARK: - Who it is

    package func admit(_ hello: Hello) throws -> Principal {
        if !hello.authorization.isEmpty {
            if let principal = try bearer(of: hello).flatMap({ try principal(with: $0) }) { return principal }
            if isGuarded { throw refusal }
        } else if isGuarded {
            return try principal(with: hello.certificate)
        }
        return Principal()
    }

    /// Nil where nothing is said about who that is.
    private func principal(with secret: Substring) throws(CallError) -> Principal? {
        if let name = credential?.name(of: secret) {
            return Principal(id: name, name: "service credential", roles: .service)
        }
        guard let tokens, tokens.areThereAny, let text = TokenText(secret) else { return nil }
        let record = try tokens.admit(text, nowMs: WallClock.milliseconds())
        return Principal(
            id: record.id, name: record.name, roles: record.roleSet,
            tenant: Self.tenant(record.tenant, roles: record.roleSet))
    }

    private func principal(with certificate: PeerCertificate?) throws(CallError) -> Principal {
        guard let certificate else { throw refusal }
        guard let rule = certificates.rule(for: certificate) else {
            throw .unauthenticated(
                "no name in this certificate is let in; use another, or have it added to access.client_certificates")
        }
        return Principal(
            id: Self.certificatePrefix + rule.name, name: rule.name, roles: rule.roles,
            tenant: Self.tenant(rule.tenant, roles: rule.roles), expiry: certificate.expiry,
            authorityVersion: certificate.authorityVersion)
    }

    private func bearer(of hello: Hello) throws(CallError) -> Substring? {
        let text = hello.authorization
        // What is longer than any credential is not looked at: a HELLO may be 64 KiB of spaces.
        let parts = text.utf8.count > Self.longestAuthorization ? [] : text.split(separator: " ")
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            if !isGuarded { return nil }
            throw .unauthenticated("authorization is not of the form 'Bearer TOKEN'")
        }
        return parts[1]
    }

    /// Operators and the herd's own processes act for whom they name, unless their credential says for whom.
    private static func tenant(_ tenant: String, roles: Roles) -> String? {
        tenant.isEmpty && !roles.isDisjoint(with: [.admin, .service]) ? nil : tenant
    }

    private var refusal: CallError {
        if tokens == nil {
            return .unauthenticated(
                "this service is for the herd's own processes; call its router, or show the service credential")
        }
        return .unauthenticated(
            "this herd wants a credential: a token (herdctl reads one from HERD_TOKEN or --token-file)"
                + (certificates.isEmpty ? "" : " or a client certificate"))
    }

    // MARK: - Whether it still holds

    package func recheck(_ principal: Principal) throws(CallError) -> NIODeadline {
        if principal.id.isEmpty {
            if isGuarded { throw .unauthenticated("this herd wants a credential from now on; connect again with one") }
            return .distantFuture
        }
        if principal.id.hasPrefix(Self.certificatePrefix) {
            guard principal.expiry > WallClock.milliseconds() / 1_000 else {
                throw .unauthenticated("the certificate of '\(principal.name)' has expired; connect with a new one")
            }
            let name = PeerCertificate.Name(written: principal.name)
            guard let rule = certificates.rules.first(where: { $0.certificateName == name }),
                rule.roles == principal.roles,
                Self.tenant(rule.tenant, roles: rule.roles) == principal.tenant
            else {
                throw .unauthenticated(
                    "what the certificate of '\(principal.name)' may do has changed; connect again")
            }
            // Whoever has a certificate of one that is left is let in again, and loses no short call.
            guard principal.authorityVersion == tls?.authorityVersion ?? 0 else {
                throw CallError(
                    .unavailable, "the authorities that clients' certificates are trusted by have changed")
            }
            return .now() + Self.recheckInterval
        }
        if let credential, credential.contains(principal.id) { return .distantFuture }
        guard let tokens, !principal.id.contains("/") else {
            throw .unauthenticated("the service credential was replaced; connect again with the new one")
        }
        let now = WallClock.milliseconds()
        let expiry = try tokens.recheck(principal.id, nowMs: now)
        guard expiry > 0 else { return .distantFuture }
        return .now() + min(Self.recheckInterval, .milliseconds(Int64(clamping: expiry - now)))
    }

    package func limiter(of principal: Principal) -> CallLimiter? {
        principal.id.isEmpty || principal.id.contains("/") ? nil : tokens?.limiter(of: principal.id)
    }

    // MARK: - Changes

    /// Lets in the owners of other certificates from now on, and ends the connections of those that are let in no more.
    func use(_ certificates: CertificateRules) {
        rules.withLockedValue { $0 = certificates }
        changed()
    }

    /// Whether nobody would get in without a credential with other rules for certificates.
    func isGuarded(with certificates: CertificateRules) -> Bool {
        tokens?.areThereAny == true || credential?.path.isEmpty == false || !certificates.isEmpty
    }

    /// Sets what looks again at everybody who is connected.
    func watch(_ recheck: @escaping @Sendable () -> Void) {
        connections.withLockedValue { $0 = recheck }
    }

    /// Something changed after which somebody may have to go: no further call of theirs is run, and their connections end
    /// in a moment, when the call that changed it has had its answer.
    func changed() {
        generation.moveOn()
        Task {
            try? await Task.sleep(for: Self.courtesy)
            recheckConnections()
        }
    }

    /// Somebody's limits changed: everybody who is connected is looked at again, with the next request.
    func limitsChanged() {
        generation.moveOn()
    }

    /// Ends the connections of those whose time is up.
    func recheckConnections() {
        connections.withLockedValue { $0 }?()
    }
}
