import HerdMessages
import HerdStore

/// What a check of a store holds against the records of each table: that they can be read as what they should be.
enum RecordChecks {
    /// What is wrong with a record; nil where nothing is. Tables that are not known are passed over.
    static func problem(table: String, key: [UInt8], value: [UInt8]) -> String? {
        all[table].flatMap { check in check(key, value) ? nil : "it is no record of its table" }
    }

    /// Whether a key of several parts has this one as its last.
    private static func ends(_ key: [UInt8], with part: String) -> Bool {
        let end = OrderedBytes().adding(part).bytes
        return key.count > end.count && key.suffix(end.count).elementsEqual(end)
    }

    private static let all: [String: @Sendable (_ key: [UInt8], _ value: [UInt8]) -> Bool] = [
        "models": { key, value in ModelRecord.read(value).map { Array($0.name.utf8) == key } ?? false },
        "policies": { key, value in PolicyRecord.read(value).map { Array($0.name.utf8) == key } ?? false },
        "counters": { _, value in value.count == 8 },
        "followed_predictor": { _, value in FollowedPredictorRecord.read(value) != nil },
        "predictions.a": { _, value in CachedPrediction.isRecord(value) },
        "predictions.b": { _, value in CachedPrediction.isRecord(value) },
        "decisions": { _, value in DecisionRecord.read(value).map { !$0.decisionId.isEmpty } ?? false },
        "decision_blocks": { _, value in DecisionBlock.isRecord(value) },
        "outcomes": { _, value in OutcomeRecord.read(value) != nil },
        "runs": { _, value in RunRecord.read(value) != nil },
        "sessions.a": { _, value in SessionRecord.read(value) != nil },
        "sessions.b": { _, value in SessionRecord.read(value) != nil },
        "audit": { _, value in AuditRecord.read(value).map { !$0.method.isEmpty } ?? false },
        "tokens": { key, value in AccessTokenRecord.read(value).map { Array($0.id.utf8) == key } ?? false },
        "accounts": { key, value in
            AccountRecord.read(value).map {
                LedgerBatch.Row(day: $0.day, payer: Payer(token: $0.token, tenant: $0.tenant)).key == key
            } ?? false
        },
        "reservations": { _, value in ReservationRecord.read(value) != nil },
        "measurements": { _, value in MeasurementsRecord.read(value) != nil },
        "evaluations": { key, value in EvaluationRecord.read(value).map { Array($0.id.utf8) == key } ?? false },
        "embeddings": { _, value in StoredEmbedding.isRecord(value) },
        "suite_items": { key, value in
            SuiteItemRecord.read(value).map { Self.ends(key, with: $0.id) } ?? false
        },
        "answers": { key, value in AnswerRecord.read(value).map { Self.ends(key, with: $0.model) } ?? false },
        "predictors": { key, value in
            PredictorRecord.read(value).map { Array($0.version.utf8) == key && PredictorVersions.isWhole($0) } ?? false
        },
        "predictor_in_force": { _, value in InForceRecord.read(value) != nil },
        "transcripts": { _, value in TranscriptRecord.read(value).map { !$0.transcriptId.isEmpty } ?? false },
        "transcript_steps": { _, value in TranscriptStepRecord.read(value).map { !$0.step.isEmpty } ?? false },
    ]
}

extension Message {
    /// Nil where the bytes are no such message.
    fileprivate static func read(_ bytes: [UInt8]) -> Self? { try? Self(packed: bytes) }
}
