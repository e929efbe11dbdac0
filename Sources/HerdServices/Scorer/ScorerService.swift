import HerdFrames
import HerdMessages
import HerdPrediction
import HerdServer
import HerdStore
import Logging
import Synchronization

/// The scorer: embeddings, evaluations, predictors.
final class ScorerService: Sendable {
    let versions: PredictorVersions
    let evaluations: EvaluationTable
    let evaluator: Evaluator
    let store: StoreEnvironment
    private let embedder: TextEmbedder
    private let table: EmbeddingTable
    private let logger: Logger
    private let trainings = SoleRun(of: "training")
    private let predictionCount = Atomic<Int>(0)

    /// The most texts, and bytes of them, in one Embed call.
    private static let mostTexts = 1_024

    /// Opens the store.
    ///
    /// - Parameter link: to the router, which runs the models that are evaluated.
    init(_ configuration: ScorerConfiguration, table: EmbeddingTable, link: RouterLink, logger: Logger) throws {
        self.table = table
        self.logger = logger
        embedder = TextEmbedder(table: table)
        store = try ServiceStore.open(
            "scorer", path: configuration.data,
            tables: EvaluationTable.tables + Evaluator.tables + PredictorVersions.tables,
            maxBytes: configuration.storeMaxBytes, logger: logger)
        evaluations = EvaluationTable(store: store, embedder: embedder, tableChecksum: table.checksum)
        evaluator = Evaluator(
            store: store, evaluations: evaluations, link: link,
            judgePrompt: try JudgePrompt(folder: try PromptFolder.locate(configuration.promptsDir)))
        versions = try PredictorVersions(store: store, tableChecksum: table.checksum, logger: logger)
    }

    func predict(_ request: PredictRequest) throws -> PredictResponse {
        let predictor = try versions.get(request.predictorVersion).predictor
        predictionCount.add(1, ordering: .relaxed)
        let embedding = embedder.embed(request.text)
        let prediction = predictor.predict(embedding, promptTokens: embedding.estimatedTokens)
        let isCosted = prediction.expectedCosts.contains { $0.isFinite }
        return PredictResponse(
            predictorVersion: predictor.version, models: request.withoutNames ? [] : predictor.models,
            qualities: prediction.qualities,
            costsUsd: isCosted ? prediction.expectedCosts : [],
            topic: predictor.topics.indices.contains(prediction.topic) ? predictor.topics[prediction.topic] : "",
            topicProbability: prediction.topicProbability, prior: prediction.prior,
            promptTokens: UInt32(clamping: embedding.estimatedTokens),
            embedding: embedding.quantised, rounds: UInt32(clamping: prediction.rounds),
            gains: prediction.gains, roundCostsUsd: prediction.roundCosts)
    }

    func embed(_ request: EmbedRequest) throws -> EmbedResponse {
        guard !request.texts.isEmpty, request.texts.count <= Self.mostTexts else {
            throw CallError(
                .invalidArgument, "texts must hold 1 to \(Self.mostTexts) texts, not \(request.texts.count)")
        }
        let embeddings = request.texts.map { text in
            let embedding = embedder.embed(text)
            return Embedding(values: embedding.whole, tokens: UInt32(clamping: embedding.tokenCount))
        }
        return EmbedResponse(embeddings: embeddings, table: table.checksum)
    }

    /// Trains, stores and, where asked to, promotes a version; one training runs at a time.
    ///
    /// - Parameter progress: called from another thread, many times a second.
    func train(
        _ request: TrainRequest, progress: @escaping @Sendable (TrainProgress) -> Void
    ) async throws -> PredictorSummary {
        try Check.length(request.note, field: "note", atMost: 1_000)
        return try await trainings.run { try await trainAlone(request, progress: progress) }
    }

    private func trainAlone(
        _ request: TrainRequest, progress: @escaping @Sendable (TrainProgress) -> Void
    ) async throws -> PredictorSummary {
        let (evaluations, logger) = (evaluations, logger)
        let trained: (predictor: Predictor, seconds: Double)
        do {
            trained = try await TrainingRun.train(
                rows: { read in
                    let found = try evaluations.trainingRows(
                        models: Set(request.models), tasks: Set(request.tasks), read: read
                    ) { logger.error("damaged evaluation left out: \($0)") }
                    try Self.check(request, rows: found.rows.count, models: found.models)
                    return found
                }, options: TrainingOptions(seed: request.seed, embeddingChecksum: table.checksum), progress: progress)
        } catch TrainingError.cancelled {
            throw CancellationError()
        } catch let error as TrainingError {
            throw CallError(.failedPrecondition, "training failed: \(error)", cause: error)
        }
        progress(TrainProgress(phase: "storing", done: 0, total: 1))
        let now = WallClock.milliseconds()
        try await versions.add(trained.predictor, note: request.note, createdMs: now, seconds: trained.seconds)
        if request.promote {
            _ = try await versions.promote(PromotePredictorRequest(version: trained.predictor.version))
        }
        let stored = try versions.get(trained.predictor.version)
        return PredictorSummary(stored, inForce: versions.current?.predictor.version == trained.predictor.version)
    }

    private static func check(_ request: TrainRequest, rows: Int, models: [String]) throws(CallError) {
        guard rows > 0 else {
            throw CallError(
                .failedPrecondition,
                request.tasks.isEmpty && request.models.isEmpty
                    ? "there are no evaluations to train on; herdctl import FILE"
                    : "no evaluation has the tasks and models asked for")
        }
        if let missing = request.models.first(where: { !models.contains($0) }) {
            throw CallError(.notFound, "no evaluation has a score of model '\(missing.prefix(200))'")
        }
    }

    var figures: [String: Double] {
        var figures: [String: Double] = [
            "predictions": Double(predictionCount.load(ordering: .relaxed)),
            "evaluations": Double(evaluations.count),
        ]
        figures.merge(PredictorMetrics.figures(createdMs: versions.current?.createdMs ?? 0)) { own, _ in own }
        figures.merge(StoreFigures.of(store)) { own, _ in own }
        return figures
    }

    /// Writes what is counted of predictions and evaluations.
    func writeMetrics(to writer: inout MetricsWriter) {
        writer.counter(
            "herd_predictions_total", "Predictions made.", Double(predictionCount.load(ordering: .relaxed)))
        writer.gauge("herd_evaluations", "Evaluations stored.", Double(evaluations.count))
        let current = versions.current
        PredictorMetrics.write(
            version: current?.predictor.version, createdMs: current?.createdMs ?? 0, to: &writer)
        StoreMetrics.write(store, to: &writer)
    }

    var facts: [String: String] {
        [
            "predictor_version": versions.current?.predictor.version ?? "", "embedding_table": table.checksum,
            "pid": ProcessNumber.text,
        ].merging(StoreFigures.facts(store)) { own, _ in own }
    }
}
