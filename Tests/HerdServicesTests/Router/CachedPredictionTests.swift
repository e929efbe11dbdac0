import HerdServices
import Testing

@Suite struct CachedPredictionTests {
    static let plain = CachedPrediction(
        qualities: [0.25, 0.5, 1], costs: [1, 2, 3], topic: 7, topicProbability: 0.75, prior: 0.5, promptTokens: 11,
        embedding: [1, 2, 3, 4, 5])

    static func refined(costs: Bool) -> CachedPrediction {
        var prediction = plain
        prediction.rounds = 2
        prediction.gains = [0.1, 0.2, -0.1, -0.2, 0, 0.5]
        prediction.roundCosts = costs ? [1, 2, 3, 4, 5, 6] : []
        return prediction
    }

    private func read(_ record: [UInt8], models: Int = 3, rounds: Int) -> CachedPrediction? {
        record.withUnsafeBytes { CachedPrediction(record: $0, modelCount: models, rounds: rounds) }
    }

    @Test func recordsComeBackAsTheyWereWritten() {
        #expect(read(Self.plain.record, rounds: 0) == Self.plain)
        for costs in [true, false] {
            let prediction = Self.refined(costs: costs)
            #expect(read(prediction.record, rounds: 2) == prediction)
            #expect(CachedPrediction.isRecord(prediction.record))
        }
        #expect(CachedPrediction.isRecord(Self.plain.record))
    }

    /// The bytes that earlier versions wrote: a hit for a predictor without gains, a miss for one with them.
    @Test func aRecordOfAnEarlierVersionIsNeverMisread() {
        let earlier = Self.plain.record
        #expect(earlier[0] == 1 && earlier.count == 25 + 4 * 6 + 5)
        for rounds in 1...5 { #expect(read(earlier, rounds: rounds) == nil) }
        let refined = Self.refined(costs: true).record
        #expect(refined[0] == 2)
        for rounds in [0, 1, 3, 4, 5] { #expect(read(refined, rounds: rounds) == nil) }
    }

    @Test func aRecordThatDoesNotFitIsAMiss() {
        for record in [Self.plain.record, Self.refined(costs: true).record, Self.refined(costs: false).record] {
            let rounds = record[0] == 2 ? 2 : 0
            for models in [0, 1, 2, 4, 1_000] { #expect(read(record, models: models, rounds: rounds) == nil) }
            // The embedding is what is left: only a cut into what comes before it is seen here.
            for count in 0..<(record.count - 5) { #expect(read(Array(record[..<count]), rounds: rounds) == nil) }
            for place in record.indices {
                var damaged = record
                damaged[place] = 255
                _ = read(damaged, rounds: rounds)
                _ = CachedPrediction.isRecord(damaged)
            }
        }
    }
}
