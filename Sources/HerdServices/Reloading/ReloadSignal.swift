import Logging
import NIOConcurrencyHelpers
import ServiceLifecycle
import UnixSignals

/// Reads the configuration anew on SIGHUP. All of it is checked first, and where anything is wrong nothing changes.
struct ReloadSignal: Service {
    typealias Load = @Sendable () async throws -> HerdConfiguration

    private let signals: UnixSignalsSequence
    private let load: Load
    private let services: [any Reloadable]
    private let logger: Logger
    private let role: HerdRole
    private let started: HerdConfiguration
    private let current: NIOLockedValueBox<HerdConfiguration>

    /// - Parameters:
    ///   - signals: of SIGHUP, also those that came while the process began.
    ///   - started: as it was loaded.
    init(
        _ signals: UnixSignalsSequence, _ role: HerdRole, _ started: HerdConfiguration, load: @escaping Load,
        services: [any Reloadable], logger: Logger
    ) {
        self.signals = signals
        self.role = role
        self.started = started
        current = NIOLockedValueBox(started)
        self.load = load
        self.services = services
        self.logger = logger
    }

    func run() async throws {
        for await _ in signals.cancelOnGracefulShutdown() {
            Supervisor.reloading()
            await reload()
            Supervisor.ready()
        }
    }

    private func reload() async {
        let (new, applications): (HerdConfiguration, [@Sendable () -> Void])
        do {
            new = try await load()
            try ConfigurationFiles.check(role, new, isStart: false)
            applications = try services.map { try $0.prepare(new) }
        } catch {
            logger.error(
                "the configuration stays as it was, because the new one is wrong",
                metadata: ["error": "\(error)", "remedy": "correct it, herdd check-config, then SIGHUP again"])
            return
        }
        let before = current.withLockedValue { current in
            defer { current = new }
            return current
        }
        let changes = ConfigurationChanges(started: started, from: before, to: new)
        for apply in applications { apply() }
        LogSettings.shared.use(new.log)
        for key in changes.live { logger.notice("the configuration's key was applied", metadata: ["key": "\(key)"]) }
        for key in changes.restart {
            logger.warning("the configuration's key needs a restart", metadata: ["key": "\(key)"])
        }
        logger.notice(
            "the configuration was read again",
            metadata: ["applied": "\(changes.live.count)", "waiting": "\(changes.restart.count)"])
    }
}
