import HerdClient
import HerdFrames
import HerdMessages
import HerdStore
import Logging
import NIOConcurrencyHelpers
import Synchronization

/// Follows the predictor version in force at the scorer, and asks it for predictions.
///
/// The version is kept in the router's store, so that after a restart the router serves its cache while the scorer is
/// away.
final class PredictorFollower: Sendable {
    private static let table = Table<String>("followed_predictor")
    static let tables = [table.id]
    private static let key = "in_force"
    /// A prediction takes well under a millisecond; nobody waits longer for one, nor for more than half of the time that a
    /// call has left, so that there is some for the policy's fallback.
    private static let longestPatience = Duration.seconds(2)
    private static let leastPatience = Duration.milliseconds(50)
    /// A scorer that needs this long is as good as away.
    private static let silence = Duration.milliseconds(500)
    private static let watchTimeout = Duration.seconds(3_600)
    private static let longestPause = Duration.milliseconds(500)

    /// A longer text, of which predicting takes milliseconds, is left to the scorer's event loops: others wait on ours.
    private static let mostBytesHere = 64 << 10

    private let client: HerdClient
    private let local: LocalScorer?
    private let store: StoreEnvironment
    private let logger: Logger
    private let connected = Atomic<Bool>(false)
    /// Whether it let a prediction wait too long and has not answered since: it is slow, or frozen, or its machine is gone.
    /// Changed while `isProbed` is held, so that no scorer is held for silent that nobody looks after.
    private let silent = Atomic<Bool>(false)
    private let isProbed = NIOLockedValueBox(false)
    private let followed: NIOLockedValueBox<FollowedPredictor?>
    private let changed: @Sendable (FollowedPredictor?) -> Void

    /// - Parameter local: the scorer, where that is in this process.
    init(
        client: HerdClient, local: LocalScorer?, store: StoreEnvironment, logger: Logger,
        changed: @escaping @Sendable (FollowedPredictor?) -> Void
    ) {
        self.client = client
        self.local = local
        self.store = store
        self.logger = logger
        self.changed = changed
        followed = NIOLockedValueBox(Self.stored(in: store, logger: logger))
    }

    /// A damaged record is as good as none: the watch brings it back.
    private static func stored(in store: StoreEnvironment, logger: Logger) -> FollowedPredictor? {
        do {
            let bytes = try store.read { transaction in try transaction.value(for: key, in: table) }
            return try bytes.flatMap { FollowedPredictor(try FollowedPredictorRecord(stored: $0)) }
        } catch {
            logger.error("the followed predictor version can't be read", metadata: ["error": "\(error)"])
            return nil
        }
    }

    var current: FollowedPredictor? { followed.withLockedValue { $0 } }

    /// Whether the scorer answers; known from the open watch and from others' predictions, so that no call has to wait to find
    /// out.
    var isScorerAvailable: Bool { connected.load(ordering: .relaxed) && !silent.load(ordering: .relaxed) }

    /// Why the scorer is not available; nil while it is.
    var unavailability: String? {
        if !connected.load(ordering: .relaxed) { return "the scorer is away" }
        return silent.load(ordering: .relaxed) ? "the scorer does not answer" : nil
    }

    /// Looks for the scorer before the first call comes, so that none is decided without it where it is there. One that is
    /// away says so at once.
    func begin(within timeout: Duration) async {
        do {
            let events = client.stream(Scorer.watchPredictor, WatchPredictorRequest(), timeout: timeout)
            for try await event in events {
                connected.store(true, ordering: .relaxed)
                return await apply(FollowedPredictor(event))
            }
        } catch {
            logger.debug("the scorer is not there yet", metadata: ["error": "\(error)"])
        }
    }

    /// Watches until the task is cancelled, and reconnects whenever the watch ends.
    func run() async {
        var pause = Duration.milliseconds(20)
        var isFollowing = false
        while !Task.isCancelled {
            do {
                let events = client.stream(
                    Scorer.watchPredictor, WatchPredictorRequest(), timeout: Self.watchTimeout)
                for try await event in events {
                    // Before its predictor is in force: a decision with that one may ask the scorer at once.
                    connected.store(true, ordering: .relaxed)
                    if !isFollowing { logger.info("following the scorer") }
                    isFollowing = true
                    await apply(FollowedPredictor(event))
                    pause = .milliseconds(20)
                }
            } catch {
                // A watch that reached its time limit is renewed; the scorer is there.
                if error.code != .deadlineExceeded, !Task.isCancelled, connected.exchange(false, ordering: .relaxed) {
                    isFollowing = false
                    logger.warning("the scorer is away", metadata: ["error": "\(error)"])
                }
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, Self.longestPause)
        }
        connected.store(false, ordering: .relaxed)
    }

    /// For how long somebody waits for a prediction.
    ///
    /// - Parameter remaining: What is left of their time.
    static func patience(_ remaining: Duration) -> Duration {
        min(longestPatience, max(leastPatience, remaining / 2))
    }

    /// - Parameter remaining: What is left of the time of whoever asks.
    /// - Throws: `CallError`; UNAVAILABLE at once while the scorer is away.
    func predict(
        _ text: String, with predictor: FollowedPredictor, remaining: Duration
    ) async throws -> CachedPrediction {
        guard isScorerAvailable else { throw Self.isAway }
        let patience = Self.patience(remaining)
        let reply: PredictResponse
        do throws(CallError) {
            reply = try await client.call(Scorer.predict, Self.request(text, predictor), timeout: patience)
        } catch {
            if error.code == .deadlineExceeded, !Task.isCancelled { doubt(predictor, after: patience) }
            throw error
        }
        return try Self.prediction(reply, of: predictor)
    }

    /// One prediction that came too late is enough: no other call waits for the scorer until it answers again, which is found
    /// out beside them. After a short wait that is first found out, too.
    private func doubt(_ predictor: FollowedPredictor, after wait: Duration) {
        let isFirst = isProbed.withLockedValue { isProbed in
            if wait >= Self.silence { fallSilent(predictor) }
            defer { isProbed = true }
            return !isProbed
        }
        guard isFirst else { return }
        Task { [weak self] in
            while let self {
                do throws(CallError) {
                    _ = try await client.call(
                        Scorer.predict, Self.request("probe", predictor), timeout: Self.silence)
                    return answersAgain()
                } catch {
                    // Whatever else it says, it answers; where it is gone the watch finds out when it is back.
                    if error.code != .deadlineExceeded { return answersAgain() }
                }
                isProbed.withLockedValue { _ in fallSilent(predictor) }
                try? await Task.sleep(for: Self.longestPause)
            }
        }
    }

    private func fallSilent(_ predictor: FollowedPredictor) {
        guard !silent.exchange(true, ordering: .relaxed) else { return }
        logger.warning(
            "the scorer does not answer; cached predictions and fallbacks are served",
            metadata: ["version": "\(predictor.version)"])
    }

    private func answersAgain() {
        let wasSilent = isProbed.withLockedValue { isProbed in
            isProbed = false
            return silent.exchange(false, ordering: .relaxed)
        }
        if wasSilent { logger.notice("the scorer answers again, or its connection has ended") }
    }

    /// Whether `predictHere` is for a text of that length.
    func predictsHere(byteCount: Int) -> Bool { local != nil && byteCount <= Self.mostBytesHere }

    /// A prediction of the scorer in this process.
    ///
    /// - Throws: `CallError`; UNAVAILABLE where there is none or it ends.
    func predictHere(_ text: String, with predictor: FollowedPredictor) throws -> CachedPrediction {
        guard let local, isScorerAvailable else { throw Self.isAway }
        return try Self.prediction(try local.predict(Self.request(text, predictor)), of: predictor)
    }

    private static var isAway: CallError { CallError(.unavailable, "the scorer is away") }

    private static func request(_ text: String, _ predictor: FollowedPredictor) -> PredictRequest {
        PredictRequest(text: text, predictorVersion: predictor.version, withoutNames: true)
    }

    private static func prediction(
        _ reply: PredictResponse, of predictor: FollowedPredictor
    ) throws(CallError) -> CachedPrediction {
        guard reply.qualities.count == predictor.models.count,
            reply.costsUsd.isEmpty || reply.costsUsd.count == predictor.models.count,
            Int(reply.rounds) == predictor.rounds, reply.gains.count == predictor.models.count * predictor.rounds,
            reply.roundCostsUsd.isEmpty || reply.roundCostsUsd.count == reply.gains.count
        else {
            throw CallError(.internal, "the scorer's prediction does not fit predictor \(predictor.version)")
        }
        return CachedPrediction(
            qualities: reply.qualities, costs: reply.costsUsd,
            topic: predictor.place(ofTopic: reply.topic),
            topicProbability: reply.topicProbability, prior: reply.prior, promptTokens: reply.promptTokens,
            embedding: reply.embedding, rounds: predictor.rounds, gains: reply.gains, roundCosts: reply.roundCostsUsd)
    }

    private func apply(_ predictor: FollowedPredictor?) async {
        let isNew = followed.withLockedValue { followed in
            defer { followed = predictor }
            return followed != predictor
        }
        guard isNew else { return }
        // In force at once; kept for the next start as soon as the disk allows.
        changed(predictor)
        logger.info("predictor in force", metadata: ["version": "\(predictor?.version ?? "none")"])
        let record = predictor?.record ?? FollowedPredictorRecord()
        do {
            try await store.write { transaction in
                try transaction.put(record.pack(), for: Self.key, in: Self.table)
            }
        } catch {
            logger.error("the followed predictor version could not be stored", metadata: ["error": "\(error)"])
        }
    }
}
