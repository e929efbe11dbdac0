import HerdBackends
import HerdClient
import HerdFrames
import HerdMessages
import HerdPolicy
import HerdServer
import HerdStore
import Logging
import NIOConcurrencyHelpers
import Synchronization

/// The router: registry, prediction cache, decisions, sessions.
final class RouterService: Sendable {
    /// For how long a call that is another service's waits for it within its deadline, where nothing can be done without:
    /// a restart takes the longest drain, 10 s as a rule, and a start.
    static let patience = Duration.seconds(15)

    let registry: HerdRegistry
    let decisions: DecisionLog
    let follower: PredictorFollower
    let store: StoreEnvironment
    let measurements: MeasurementLog
    let changedModels: ChangedModels
    let sessions: SessionModels
    let view: CurrentView
    let runner: ModelRunner
    let refiner: HerdClient
    let ledger: Ledger
    let cache: PredictionCache
    let predictions = SingleFlight<UInt128, [UInt8]>()
    private let configuration: RouterConfiguration
    let hits: HitRouters
    private let logger: Logger
    let degradedCount = Atomic<Int>(0)
    let droppedCount = Atomic<Int>(0)

    /// Opens the store.
    ///
    /// - Parameters:
    ///   - local: the scorer, where that is in this process.
    ///   - hosts: the event loops that perform calls to models.
    ///   - directory: of the tokens, whose money may be limited.
    init(
        _ configuration: RouterConfiguration, scorer: HerdClient, local: LocalScorer?, refiner: HerdClient,
        hosts: any TransferHosts, directory: TokenDirectory, logger: Logger
    ) async throws {
        self.refiner = refiner
        self.configuration = configuration
        self.logger = logger
        store = try ServiceStore.open(
            "router", path: configuration.data, tables: Self.tables(configuration),
            maxBytes: configuration.storeMaxBytes, logger: logger)
        let view = CurrentView()
        self.view = view
        ledger = try Ledger(store: store, logger: logger) { directory.dailyLimit(of: $0) }
        let runner = try ModelRunner(configuration, hosts: hosts, ledger: ledger, logger: logger)
        self.runner = runner
        let changedModels = ChangedModels()
        self.changedModels = changedModels
        registry = try HerdRegistry(
            store: store, hasSecretsFolder: !configuration.secretsDir.isEmpty, logger: logger
        ) { snapshot in
            runner.update(snapshot)
            changedModels.update(snapshot)
            view.update(registry: snapshot)
        }
        follower = PredictorFollower(client: scorer, local: local, store: store, logger: logger) {
            view.update(predictor: $0)
        }
        view.update(predictor: follower.current)
        measurements = MeasurementLog(store: store, logger: logger) { view.update(measurements: $0) }
        sessions = SessionModels(
            store: store, maxEntries: configuration.sessionMaxEntries,
            expiryMs: UInt64(configuration.sessionExpirySeconds) * 1_000)
        cache = await PredictionCache(store: store, maxBytes: configuration.cacheMaxBytes)
        decisions = try await DecisionLog(store: store, maxEntries: configuration.decisionLogMaxEntries)
        hits = HitRouters(view: view, cache: cache, decisions: decisions, logsPrompts: configuration.logPrompts)
    }

    /// Every table of the router's store.
    static func tables(_ configuration: RouterConfiguration) -> [TableID] {
        // One after another: as one sum it takes the compiler too long.
        var tables = HerdRegistry.tables + PredictorFollower.tables
        tables += PredictionCache.table(maxBytes: configuration.cacheMaxBytes).ids
        tables += DecisionLog.tables(maxEntries: configuration.decisionLogMaxEntries)
        tables += SessionModels.table(maxEntries: configuration.sessionMaxEntries).ids
        tables += MeasurementLog.tables + [TokenTable.table.id] + Ledger.tables
        tables += AuditLog.log(maxEntries: configuration.auditMaxEntries).ids
        return tables
    }

    /// What the last start left to be found again, while calls are answered already.
    func run() async {
        await cache.load()
    }

    // MARK: - Route

    /// Answers a packed `RouteRequest` from its bytes where nothing about it is unusual: at once where its prediction is in
    /// the cache, else with the scorer's. Leaves the others to `routeCached`.
    func routePacked(
        _ request: FrameView, tenant: UnsafeRawBufferPointer, _ reply: (_ packed: UnsafeRawBufferPointer) -> Void
    ) -> ServedMethod.ShortcutOutcome {
        switch hits.answer(request.payload, tenant: tenant, reply) {
        case .answered, .answeredUnlogged: return .answered
        case .unusual: return .unknown
        case .missed(let missed):
            cache.countMiss()
            if let packed = routeHere(missed) {
                packed.withUnsafeBytes(reply)
                return .answered
            }
            return .later { context in
                try await answering { try await self.route(missed, remaining: context.remaining) }
            }
        }
    }

    /// Answers with a prediction of this process; nil where that has none, or the long way has to be taken.
    private func routeHere(_ missed: MissedRoute) -> [UInt8]? {
        // What is wrong with it the long way finds again, and says so.
        guard follower.predictsHere(byteCount: missed.prompt.count),
            let record = try? recordHere(of: missed.text, under: missed.fingerprint, with: missed.predictor)
        else { return nil }
        return hits.answer(missed, record: record)
    }

    /// Answers a request whose prediction is not cached from its bytes, with the scorer's; the long way where the herd has
    /// changed meanwhile, and as the policy says where the scorer can't tell.
    private func route(_ missed: MissedRoute, remaining: Duration) async throws -> [UInt8] {
        let record: [UInt8]
        do {
            record = try await predictedRecord(
                of: missed.text, under: missed.fingerprint, with: missed.predictor, remaining: remaining)
        } catch let error as CallError {
            try Task.checkCancellation()
            let view = view.current
            let plan = try RoutePlan(try missed.request(), view: view)
            return log(try fallBack(plan, view: view, tenant: missed.tenantName, because: error)).response.pack()
        }
        if let reply = hits.answer(missed, record: record) { return reply }
        let (view, request, tenant) = (view.current, try missed.request(), missed.tenantName)
        let plan = try RoutePlan(request, view: view)
        // What cannot be ranked from the bytes has a prediction of its own all the same.
        guard let predictor = view.predictor, let prediction = CachedPrediction(record: record, of: predictor),
            cache.fingerprint(tenant: tenant, predictor: predictor, text: plan.prompt.text) == missed.fingerprint
        else { return try await route(request, tenant: tenant, remaining: remaining).pack() }
        let decision = try RoutedDecision(plan, view: view, predictor: predictor, prediction: prediction)
        return log(
            made(decision, plan: plan, fingerprint: missed.fingerprint, tenant: tenant, cached: false)
        ).response.pack()
    }

    /// Asks the scorer for a prediction, once for all who ask at the same time, and keeps it.
    private func predictedRecord(
        of text: String, under fingerprint: UInt128, with predictor: FollowedPredictor, remaining: Duration
    ) async throws -> [UInt8] {
        let (cache, follower) = (cache, follower)
        if let record = try recordHere(of: text, under: fingerprint, with: predictor) { return record }
        let start = ContinuousClock.now
        while true {
            let waited = ContinuousClock.now - start
            do {
                return try await predictions.value(for: fingerprint) {
                    // Landed between the look into the cache and here.
                    if let landed = cache.recent(fingerprint) { return landed }
                    let left = remaining - waited
                    let record = try await follower.predict(text, with: predictor, remaining: left).record
                    cache.put(record, under: fingerprint)
                    return record
                }
            } catch let error as CallError where error.code == .deadlineExceeded {
                // Whoever asked for all had less time, perhaps.
                guard ContinuousClock.now - start < PredictorFollower.patience(remaining), !Task.isCancelled else {
                    throw error
                }
            }
        }
    }

    /// Has a prediction made in this process, and keeps it; nil where the scorer has to be asked, or somebody does so.
    private func recordHere(
        of text: String, under fingerprint: UInt128, with predictor: FollowedPredictor
    ) throws -> [UInt8]? {
        guard follower.predictsHere(byteCount: text.utf8.count) else { return nil }
        return try predictions.valueNow(for: fingerprint) {
            if let landed = cache.recent(fingerprint) { return landed }
            let record = try follower.predictHere(text, with: predictor).record
            cache.put(record, under: fingerprint)
            return record
        }
    }

    /// Answers from the cache, without waiting for anything; nil for a prompt whose prediction is not cached.
    func routeCached(_ request: RouteRequest, tenant: String) throws(CallError) -> RouteResponse? {
        let view = view.current
        let plan = try RoutePlan(request, view: view)
        guard let predictor = view.predictor else { return nil }
        let fingerprint = cache.fingerprint(tenant: tenant, predictor: predictor, text: plan.prompt.text)
        guard let prediction = cache.get(fingerprint, predictor: predictor) else { return nil }
        let decision = try RoutedDecision(plan, view: view, predictor: predictor, prediction: prediction)
        let response = log(
            made(decision, plan: plan, fingerprint: fingerprint, tenant: tenant, cached: true)
        ).response
        if !plan.session.isEmpty { keepSession(plan.session, with: response.model, tenant: tenant) }
        return response
    }

    /// Asks the scorer and, where it can't tell in the time that is left, falls back as the policy says.
    func route(_ request: RouteRequest, tenant: String, remaining: Duration) async throws -> RouteResponse {
        let decided = log(try await decide(request, tenant: tenant, remaining: remaining))
        if !request.session.isEmpty { keepSession(request.session, with: decided.response.model, tenant: tenant) }
        return decided.response
    }

    /// Decides; `log` gives the decision its id. Whoever runs the model tells the session which one that was.
    ///
    /// - Parameters:
    ///   - needs: what running the chosen model asks of it.
    ///   - remaining: what is left of the call's time.
    func decide(
        _ request: RouteRequest, needs: RequestNeeds = RequestNeeds(), tenant: String, remaining: Duration
    ) async throws -> MadeDecision {
        let view = view.current
        let plan = try RoutePlan(request, needs: needs, view: view)
        guard let predictor = view.predictor else {
            return try fallBack(plan, view: view, tenant: tenant, because: "no predictor yet")
        }
        let text = plan.prompt.text
        let fingerprint = cache.fingerprint(tenant: tenant, predictor: predictor, text: text)
        // Long requests come here without a look into the cache, and a flight may have landed since the others looked.
        if let prediction = cache.get(fingerprint, predictor: predictor, countsMiss: false) {
            let decision = try RoutedDecision(plan, view: view, predictor: predictor, prediction: prediction)
            return made(decision, plan: plan, fingerprint: fingerprint, tenant: tenant, cached: true)
        }
        let record: [UInt8]
        do {
            record = try await predictedRecord(
                of: text, under: fingerprint, with: predictor, remaining: remaining)
        } catch let error as CallError {
            // A call taken back or out of time is not worth an answer that nobody waits for.
            try Task.checkCancellation()
            return try fallBack(plan, view: view, tenant: tenant, because: error)
        }
        guard let prediction = CachedPrediction(record: record, of: predictor) else {
            throw CallError(.internal, "a prediction does not fit predictor \(predictor.version)")
        }
        let decision = try RoutedDecision(plan, view: view, predictor: predictor, prediction: prediction)
        return made(decision, plan: plan, fingerprint: fingerprint, tenant: tenant, cached: false)
    }

    private func fallBack(
        _ plan: RoutePlan, view: RoutingView, tenant: String, because error: CallError
    ) throws(CallError) -> MadeDecision {
        logger.debug("no prediction", metadata: ["error": "\(error)"])
        return try fallBack(
            plan, view: view, tenant: tenant, because: "the scorer gave no prediction (\(error.code))")
    }

    private func fallBack(
        _ plan: RoutePlan, view: RoutingView, tenant: String, because reason: String
    ) throws(CallError) -> MadeDecision {
        let decision = try RoutedDecision(plan, view: view, degradedBecause: reason)
        degradedCount.add(1, ordering: .relaxed)
        return made(decision, plan: plan, fingerprint: nil, tenant: tenant, cached: false)
    }

    /// Gives a conversation its model.
    private func made(
        _ decision: consuming RoutedDecision, plan: RoutePlan, fingerprint: UInt128?, tenant: String, cached: Bool
    ) -> MadeDecision {
        var decision = decision
        if !plan.session.isEmpty,
            let model = sessions.model(of: plan.session, tenant: tenant, nowMs: WallClock.milliseconds())
        {
            decision.keepSession(with: model, margin: plan.policy.switchMargin)
        }
        return MadeDecision(routed: decision, plan: plan, fingerprint: fingerprint, tenant: tenant, isCached: cached)
    }

    /// Gives a decision its id, and the log its entry.
    func log(_ made: MadeDecision) -> SettledDecision {
        let (decision, plan) = (made.routed, made.plan)
        let prompt = configuration.logPrompts ? plan.prompt.text : ""
        let print = made.fingerprint.map { value in
            (0..<16).map { UInt8(truncatingIfNeeded: value >> (8 * (15 - $0))) }
        }
        let (id, isKept) = decisions.append(
            DecisionRecord(
                decision, tenant: made.tenant, fingerprint: print ?? [], timeMs: WallClock.milliseconds(),
                prompt: prompt))
        if !isKept { droppedCount.add(1, ordering: .relaxed) }
        return SettledDecision(
            response: RouteResponse(decision, id: id.description, cached: made.isCached, explain: plan.explain),
            plan: plan, id: id)
    }

    private func keepSession(_ session: String, with model: String, tenant: String) {
        sessions.set(model, of: session, tenant: tenant, nowMs: WallClock.milliseconds())
    }

    /// Keeps to other limits from now on, as far as that can change.
    func use(_ configuration: RouterConfiguration) {
        cache.bound(maxBytes: configuration.cacheMaxBytes)
        decisions.bound(maxEntries: configuration.decisionLogMaxEntries)
        runner.use(configuration.backends)
    }

    // MARK: - Status

    /// Why the router is degraded; empty while it is not.
    var degradedReasons: [String] {
        let store = StoreFigures.degradedReasons(store)
        if let reason = follower.unavailability { return store + [reason] }
        return store + (follower.current == nil ? ["no predictor yet"] : [])
    }

    var figures: [String: Double] {
        let view = view.current
        var figures: [String: Double] = [
            "models": Double(view.registry.models.count),
            "policies": Double(view.registry.policies.count),
            "cache_hits": Double(cache.hits),
            "cache_misses": Double(cache.misses),
            "degraded_decisions": Double(degradedCount.load(ordering: .relaxed)),
            "measurement_revision": Double(view.measurements.revision),
            "sessions_in_memory": Double(sessions.count),
            "dropped_log_entries": Double(droppedCount.load(ordering: .relaxed) + hits.dropped),
        ]
        figures.merge(BackendFigures.of(runner)) { own, _ in own }
        figures.merge(PredictorMetrics.figures(createdMs: view.predictor?.createdMs ?? 0)) { own, _ in own }
        figures.merge(ledger.figures) { own, _ in own }
        figures.merge(StoreFigures.of(store)) { own, _ in own }
        return figures
    }

    var facts: [String: String] {
        let view = view.current
        return [
            "predictor_version": view.predictor?.version ?? "",
            "scorer": follower.unavailability.map { $0 == "the scorer is away" ? "away" : "silent" } ?? "connected",
            "registry_revision": "\(view.registry.revision)",
            "pid": ProcessNumber.text,
        ].merging(StoreFigures.facts(store)) { own, _ in own }
            .merging(BackendFigures.facts(runner)) { own, _ in own }
    }
}

/// The view in force; replaced whole, so that a decision sees one consistent state.
final class CurrentView: Sendable {
    private let state = NIOLockedValueBox(RoutingView(registry: RegistrySnapshot(), predictor: nil))
    private let changes = Atomic<UInt64>(0)

    var current: RoutingView { state.withLockedValue { $0 } }

    /// How often the view was replaced: whoever keeps a view may go on with it while this stays the same.
    var revision: UInt64 { changes.load(ordering: .acquiring) }

    func update(registry: RegistrySnapshot) {
        state.withLockedValue {
            $0 = RoutingView(registry: registry, predictor: $0.predictor, measurements: $0.measurements)
        }
        changes.wrappingAdd(1, ordering: .releasing)
    }

    func update(predictor: FollowedPredictor?) {
        state.withLockedValue {
            $0 = RoutingView(registry: $0.registry, predictor: predictor, measurements: $0.measurements)
        }
        changes.wrappingAdd(1, ordering: .releasing)
    }

    func update(measurements: PublishedMeasurements) {
        state.withLockedValue {
            $0 = RoutingView(registry: $0.registry, predictor: $0.predictor, measurements: measurements)
        }
        changes.wrappingAdd(1, ordering: .releasing)
    }
}
