import HerdFrames
import HerdMessages
import HerdPrediction
import HerdStore
import Logging
import NIOConcurrencyHelpers

/// A predictor that is loaded, with its record's facts.
struct LoadedPredictor: Sendable {
    let predictor: Predictor
    let createdMs: UInt64
    let note: String
    let trainingSeconds: Double
}

/// The trained versions: immutable, checksummed; one is in force.
final class PredictorVersions: Sendable {
    private static let versions = Table<String>("predictors")
    private static let state = Table<String>("predictor_in_force")
    static let tables = [versions.id, state.id]
    private static let stateKey = "in_force"
    /// How many superseded versions can be rolled back through.
    private static let historyLength = 100
    /// Loaded versions kept in memory besides the one in force.
    private static let keptLoaded = 4

    private struct InForce {
        var loaded: LoadedPredictor?
        var others: [String: LoadedPredictor] = [:]
        var watchers: [UInt64: AsyncStream<PredictorEvent>.Continuation] = [:]
        var nextWatcher: UInt64 = 0
    }

    private let store: StoreEnvironment
    private let tableChecksum: String
    private let logger: Logger
    private let inForce = NIOLockedValueBox(InForce())

    init(store: StoreEnvironment, tableChecksum: String, logger: Logger) throws {
        self.store = store
        self.tableChecksum = tableChecksum
        self.logger = logger
        let state: InForceRecord
        do {
            state = try readState()
        } catch {
            logger.error("which predictor is in force can't be read; promote one", metadata: ["error": "\(error)"])
            return
        }
        // The version in force, or where it is damaged the newest sound one before it.
        for version in [state.version] + state.history.reversed() where !version.isEmpty {
            do {
                let loaded = try load(version)
                inForce.withLockedValue { $0.loaded = loaded }
                return
            } catch {
                logger.error(
                    "a predictor version can't be used; trying the one before it",
                    metadata: ["version": "\(version)", "error": "\(error)"])
            }
        }
    }

    var current: LoadedPredictor? { inForce.withLockedValue { $0.loaded } }

    /// A version by name; "" asks for the one in force. FAILED_PRECONDITION where there is none yet, NOT_FOUND, DATA_LOSS.
    func get(_ version: String) throws -> LoadedPredictor {
        let (loaded, other) = inForce.withLockedValue { ($0.loaded, $0.others[version]) }
        if let loaded, version.isEmpty || loaded.predictor.version == version { return loaded }
        guard !version.isEmpty else {
            throw CallError(
                .failedPrecondition, "no predictor is in force; import evaluations, then herdctl train --promote")
        }
        if let other { return other }
        let found = try load(version)
        inForce.withLockedValue { state in
            if state.others.count >= Self.keptLoaded { state.others.removeAll() }
            state.others[version] = found
        }
        return found
    }

    // MARK: - Changes

    /// Stores a trained version; training the same data with the same seed gives the same version again.
    func add(_ predictor: Predictor, note: String, createdMs: UInt64, seconds: Double) async throws {
        let record = PredictorRecord(
            version: predictor.version, createdUnixMs: createdMs, note: note, trainingSeconds: seconds,
            predictor: predictor.serialized())
        try await store.write { transaction in
            if let bytes = try? transaction.value(for: record.version, in: Self.versions),
                let stored = try? PredictorRecord(stored: bytes), stored.predictor == record.predictor
            {
                return
            }
            try transaction.put(record.pack(), for: record.version, in: Self.versions)
        }
    }

    /// Puts a version in force. A damaged one is refused and the one in force stays.
    func promote(_ request: PromotePredictorRequest) async throws -> PromotePredictorResponse {
        let loaded = try load(request.version)
        let previous = try await store.write { transaction in
            var state = try Self.stateToReplace(in: transaction)
            let isRepeated = !request.requestId.isEmpty && state.requestId == request.requestId
            guard state.version != request.version, !isRepeated else { return state.history.last ?? "" }
            let previous = state.version
            if !previous.isEmpty { state.history = Array((state.history + [previous]).suffix(Self.historyLength)) }
            state.version = request.version
            state.requestId = request.requestId
            try transaction.put(state.pack(), for: Self.stateKey, in: Self.state)
            return previous
        }
        try settle(loaded)
        return PromotePredictorResponse(inForce: current?.predictor.version ?? request.version, previous: previous)
    }

    /// Puts the version before the one in force back. A repeated request changes nothing.
    func rollback(_ request: RollbackRequest) async throws -> RollbackResponse {
        let before = try readState()
        if !request.requestId.isEmpty, before.requestId == request.requestId {
            return RollbackResponse(inForce: before.version, previous: "")
        }
        guard let target = before.history.last else {
            throw CallError(.failedPrecondition, "there is no version before the one in force to roll back to")
        }
        let loaded = try load(target)
        try await store.write { transaction in
            var state = try Self.state(in: transaction)
            guard state == before else {
                throw CallError(.aborted, "the version in force was changed meanwhile; look again and repeat")
            }
            state.version = target
            state.history.removeLast()
            state.requestId = request.requestId
            try transaction.put(state.pack(), for: Self.stateKey, in: Self.state)
        }
        try settle(loaded)
        return RollbackResponse(inForce: target, previous: before.version)
    }

    /// Takes over what the store says is in force: of two promotions at once the one committed last wins.
    ///
    /// The store is read under the lock, so that whoever comes last has read last.
    private func settle(_ loaded: LoadedPredictor) throws {
        try inForce.withLockedValue { state in
            let version = try readState().version
            guard state.loaded?.predictor.version != version else { return }
            let chosen = version == loaded.predictor.version ? loaded : try load(version)
            state.loaded = chosen
            state.others[version] = nil
            for watcher in state.watchers.values { watcher.yield(PredictorEvent(chosen)) }
            logger.notice("predictor in force", metadata: ["version": "\(version)"])
        }
    }

    // MARK: - Watching

    /// The version in force at once, then at every change; only the newest is kept for a slow reader.
    func watch() -> AsyncStream<PredictorEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: PredictorEvent.self, bufferingPolicy: .bufferingNewest(1))
        let id = inForce.withLockedValue { state in
            let id = state.nextWatcher
            state.nextWatcher += 1
            state.watchers[id] = continuation
            continuation.yield(state.loaded.map { PredictorEvent($0) } ?? PredictorEvent())
            return id
        }
        continuation.onTermination = { [weak self] _ in
            self?.inForce.withLockedValue { state in _ = state.watchers.removeValue(forKey: id) }
        }
        return stream
    }

    // MARK: - Listing

    /// Newest first.
    func list(_ request: ListPredictorsRequest) throws -> ListPredictorsResponse {
        let size = try Paging.size(request.page)
        var summaries: [PredictorSummary] = []
        let version = current?.predictor.version ?? ""
        try store.read { transaction in
            try transaction.scan(Self.versions) { record in
                let name = (try? record.key()) ?? "?"
                do {
                    let stored = try PredictorRecord(stored: try record.value())
                    summaries.append(PredictorSummary(try Self.loaded(stored), inForce: name == version))
                } catch {
                    summaries.append(PredictorSummary(version: name, damaged: CallError(handlerError: error).message))
                }
                return .next
            }
        }
        summaries.sort {
            ($0.createdUnixMs, $0.version) != ($1.createdUnixMs, $1.version)
                ? ($0.createdUnixMs, $0.version) > ($1.createdUnixMs, $1.version) : false
        }
        var start = 0
        if let token = request.page?.token, !token.isEmpty {
            guard let place = summaries.firstIndex(where: { $0.version == token }) else {
                throw CallError(.invalidArgument, "page.token '\(token.prefix(80))' is not one of this list's")
            }
            start = place + 1
        }
        let page = Array(summaries[start...].prefix(size))
        let next = start + page.count < summaries.count ? page.last?.version ?? "" : ""
        return ListPredictorsResponse(predictors: page, next: next, inForce: version)
    }

    // MARK: - Loading

    private func load(_ version: String) throws -> LoadedPredictor {
        let bytes = try store.read { transaction in
            try transaction.value(for: version.isEmpty ? "?" : version, in: Self.versions)
        }
        guard let bytes else {
            throw CallError(
                .notFound,
                "there is no predictor '\(version.prefix(80))'; herdctl predictor list shows what there is")
        }
        let loaded = try Self.loaded(try PredictorRecord(stored: bytes))
        guard loaded.predictor.embeddingChecksum == tableChecksum else {
            throw CallError(
                .failedPrecondition,
                "predictor '\(version)' was trained on another embedding table; train a new one")
        }
        return loaded
    }

    /// Whether a record's predictor can be loaded.
    static func isWhole(_ record: PredictorRecord) -> Bool {
        (try? loaded(record)) != nil
    }

    private static func loaded(_ record: PredictorRecord) throws -> LoadedPredictor {
        do {
            let predictor = try Predictor(serialized: record.predictor)
            return LoadedPredictor(
                predictor: predictor, createdMs: record.createdUnixMs, note: record.note,
                trainingSeconds: record.trainingSeconds)
        } catch {
            throw CallError(.dataLoss, "predictor '\(record.version)' is damaged: \(error)", cause: error)
        }
    }

    private func readState() throws -> InForceRecord {
        try store.read { transaction in try Self.state(in: transaction) }
    }

    /// A damaged record counts as none for whoever promotes, which writes it anew.
    private static func stateToReplace(
        in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> InForceRecord {
        do {
            return try state(in: transaction)
        } catch {
            guard CallError(handlerError: error).code == .dataLoss else { throw error }
            return InForceRecord()
        }
    }

    private static func state(
        in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> InForceRecord {
        guard let bytes = try transaction.value(for: stateKey, in: state) else { return InForceRecord() }
        return try InForceRecord(stored: bytes)
    }
}
