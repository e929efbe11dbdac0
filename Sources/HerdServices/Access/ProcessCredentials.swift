import HerdClient
import HerdServer
import HerdTransport
import Logging
import NIOConcurrencyHelpers

/// What the services of one process have in common of who is let in.
package struct ProcessCredentials: Sendable {
    /// What they show each other; nil where nothing is configured and they run in processes of their own.
    let service: ServiceCredential?
    /// Where all run in one process: whether the router lets in nobody without a credential.
    let routerGuard: RouterGuard?
    /// Of their servers; nil without.
    let tls: ServerTLS?
    /// How they dial each other; nil without TLS.
    let linkSecurity: TransportSecurity?

    /// Of a service in a process of its own: by what is configured.
    ///
    /// - Throws: `ConfigurationError` for a credential that can't be read.
    package init(_ configuration: HerdConfiguration) throws(ConfigurationError) {
        service = try Self.configured(configuration)
        routerGuard = nil
        tls = try configuration.tls.server()
        try configuration.links.check()
        linkSecurity = configuration.links.security
    }

    /// Of the services of a process of that role.
    ///
    /// - Throws: `ConfigurationError` for a credential that can't be read.
    static func of(_ role: HerdRole, _ configuration: HerdConfiguration) throws(ConfigurationError)
        -> ProcessCredentials
    {
        role == .all ? try shared(configuration) : try ProcessCredentials(configuration)
    }

    /// Of the three in one process, which know each other whatever is configured.
    static func shared(_ configuration: HerdConfiguration) throws(ConfigurationError) -> ProcessCredentials {
        ProcessCredentials(
            service: try configured(configuration) ?? ServiceCredential(), routerGuard: RouterGuard(),
            tls: try configuration.tls.server())
    }

    private init(service: ServiceCredential?, routerGuard: RouterGuard?, tls: ServerTLS?) {
        self.service = service
        self.routerGuard = routerGuard
        self.tls = tls
        linkSecurity = nil
    }

    // MARK: - Servers

    /// Whether services dial each other over an address of their own, within the process and so without TLS.
    private var usesPlainLinks: Bool { routerGuard != nil && tls != nil }

    /// Completes how a service listens.
    func apply(to server: inout ServerConfiguration) {
        server.tls = tls
        if usesPlainLinks { server.plainAddresses = [.network(host: "127.0.0.1", port: 0)] }
    }

    /// Of what a service listens on, where the others of the process dial it, and what the world is told.
    func split(_ bound: [EndpointAddress]) -> (link: EndpointAddress?, told: [EndpointAddress]) {
        usesPlainLinks ? (bound.last, bound.dropLast()) : (bound.first, bound)
    }

    /// - Throws: `ConfigurationError` where others could call a service without a credential.
    func checkListening(_ server: HerdServer, _ access: HerdAccess) throws(ConfigurationError) {
        let addresses = server.configuration.addresses
        try ListenPolicy.check(addresses, service: server.name, isGuarded: access.isGuardedByItself)
        warnOfStrangers(server, access)
        guard tls == nil, let open = addresses.first(where: { !ListenPolicy.isLocal($0) }) else { return }
        server.logger.warning(
            "credentials and prompts travel in the clear",
            metadata: ["address": "\(open)", "remedy": "set tls.certificate_file and tls.key_file"])
    }

    /// Services in processes of their own know each other by what is configured only.
    private func warnOfStrangers(_ server: HerdServer, _ access: HerdAccess) {
        guard routerGuard == nil, service == nil, !access.letsServicesIn else { return }
        let isRouter = server.name == HerdRole.router.rawValue
        guard isRouter == access.isGuardedByItself else { return }
        server.logger.warning(
            isRouter
                ? "scorer and refiner are not known to this router, and may be open to everybody on their machines"
                : "everybody on this machine may call this service, whatever tokens the router has",
            metadata: [
                "remedy": "set access.service_credential_file, the same for router, scorer and refiner"
            ])
    }

    /// The same before there are servers, of what is configured.
    ///
    /// - Parameter isGuardedElsewhere: whether what is not configured, tokens, keeps everybody out without a credential.
    func checkListening(
        _ addresses: [EndpointAddress], of service: String, _ configuration: HerdConfiguration, isGuardedElsewhere: Bool
    ) throws(ConfigurationError) {
        let access = HerdAccess(
            tokens: nil, credential: self.service,
            certificates: try CertificateRules(configuration.access.clientCertificates))
        try ListenPolicy.check(
            addresses, service: service, isGuarded: isGuardedElsewhere || access.isGuardedByItself)
    }

    // MARK: - Changes

    /// Reads and checks the certificates that a new configuration lets in and those that it names for the server; returns
    /// what puts them in force.
    func prepare(
        _ new: HerdConfiguration, _ server: HerdServer, _ access: HerdAccess
    ) throws(ConfigurationError) -> @Sendable () -> Void {
        let rules = try CertificateRules(new.access.clientCertificates)
        _ = try Self.configured(new)
        let fresh = try new.tls.server()
        // Of services in one process nobody dials another over TLS.
        if routerGuard == nil { try new.links.check() }
        let (tls, limits) = (tls, new.server)
        // Where clients can't show certificates before the next start, nobody is to be asked for one.
        let asksForCertificates = tls != nil && fresh != nil
        try ListenPolicy.check(
            server.configuration.addresses, service: server.name,
            isGuarded: asksForCertificates ? access.isGuarded(with: rules) : access.isGuardedByItself)
        return {
            if let tls, let fresh { tls.use(fresh) }
            if asksForCertificates { access.use(rules) }
            server.reconfigure { $0.use(limits) }
        }
    }

    // MARK: - Access

    private static func configured(
        _ configuration: HerdConfiguration
    ) throws(ConfigurationError) -> ServiceCredential? {
        let path = configuration.access.serviceCredentialFile
        return path.isEmpty ? nil : try ServiceCredential(path: path)
    }

    /// Who is let in by a service behind the router.
    func accessBehindTheRouter(_ configuration: HerdConfiguration) throws(ConfigurationError) -> HerdAccess {
        let routerGuard = routerGuard
        let access = HerdAccess(
            tokens: nil, credential: service,
            certificates: try CertificateRules(configuration.access.clientCertificates), tls: tls,
            isGuardedElsewhere: { routerGuard?.isGuarded ?? false })
        routerGuard?.onChange { [weak access] in access?.changed() }
        return access
    }

    /// Has a client of another service show what it has to, and encrypt what it says.
    func apply(to client: inout ClientConfiguration) {
        if let service { client.authorizationSource = { "Bearer \(service.secret)" } }
        client.transportSecurity = linkSecurity
    }
}

/// Whether the router of the same process lets in nobody without a credential. Until it is asked, it does not.
final class RouterGuard: Sendable {
    private struct State {
        var isGuarded = true
        var listeners: [@Sendable () -> Void] = []
    }

    private let state = NIOLockedValueBox(State())

    var isGuarded: Bool { state.withLockedValue { $0.isGuarded } }

    func onChange(_ listener: @escaping @Sendable () -> Void) {
        state.withLockedValue { $0.listeners.append(listener) }
    }

    func set(_ isGuarded: Bool) {
        let listeners = state.withLockedValue { state in
            defer { state.isGuarded = isGuarded }
            return state.isGuarded == isGuarded ? [] : state.listeners
        }
        for listener in listeners { listener() }
    }
}
