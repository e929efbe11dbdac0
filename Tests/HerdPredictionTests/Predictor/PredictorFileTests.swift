import HerdPrediction
import Testing

@Suite("Predictor files")
struct PredictorFileTests {
    private static func small() throws -> Predictor {
        try Trainer.train(
            rows: SyntheticRows(count: 60, width: 4, hasCosts: true).make(), models: ["a", "b", "c"],
            options: TrainingOptions(embeddingChecksum: "table"))
    }

    @Test("come back as they were written")
    func roundTrip() throws {
        let predictor = try Self.small()
        let restored = try Predictor(serialized: predictor.serialized())
        #expect(restored.models == predictor.models && restored.topics == predictor.topics)
        #expect(restored.card == predictor.card && restored.embeddingChecksum == "table")
        #expect(restored.version == predictor.version && restored.serialized() == predictor.serialized())
        #expect(restored.version.count == 14 && restored.version.hasPrefix("p-"))
        for row in SyntheticRows(count: 20, width: 4).make() {
            let tokens = row.promptTokens
            #expect(
                restored.predict(row.embedding, promptTokens: tokens)
                    == predictor.predict(row.embedding, promptTokens: tokens))
        }
    }

    @Test("are refused with any one byte changed")
    func everyByte() throws {
        let bytes = try Self.small().serialized()
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1 << UInt8(index % 8)
            #expect(throws: PredictorFileError.self, "byte \(index)") { try Predictor(serialized: damaged) }
        }
    }

    @Test("are refused when cut short or padded")
    func lengths() throws {
        let bytes = try Self.small().serialized()
        for count in bytes.indices {
            #expect(throws: PredictorFileError.self, "\(count) bytes") {
                try Predictor(serialized: Array(bytes[..<count]))
            }
        }
        #expect(throws: PredictorFileError.self) { try Predictor(serialized: bytes + [0]) }
    }

    @Test("say what is wrong with them")
    func codes() throws {
        let bytes = try Self.small().serialized()
        func code(_ bytes: [UInt8]) -> PredictorFileError.Code? {
            do {
                _ = try Predictor(serialized: bytes)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code([]) == .notAPredictor)
        #expect(code(Array("not a predictor at all".utf8)) == .notAPredictor)
        #expect(code(Array(bytes.dropLast())) == .damaged)
        var newer = bytes
        newer[8] = 3
        #expect(code(newer) == .unknownFormat)
        var flipped = bytes
        flipped[bytes.count / 2] ^= 1
        #expect(code(flipped) == .damaged)
    }

    /// A forger can compute the checksum: whatever the content then says, reading it must not crash.
    @Test("with forged content are refused or harmless", arguments: 0..<4)
    func forged(_ part: UInt64) throws {
        let original = try Self.small().serialized()
        let content = original.count - SHA256.byteCount
        var generator = SeededGenerator(seed: part)
        let row = SyntheticRows(count: 1, width: 4).make()[0]
        for _ in 0..<1000 {
            var bytes = Array(original[..<content])
            for _ in 0...generator.below(3) {
                let place = 20 + generator.below(content - 24)
                if generator.below(2) == 0 {
                    bytes[place] = UInt8(generator.below(256))
                } else {
                    let extremes: [[UInt8]] = [
                        [255, 255, 255, 255], [0, 0, 0, 128], [0, 0, 192, 127], [0, 0, 128, 127], [0, 0, 0, 0],
                    ]
                    bytes.replaceSubrange(place..<place + 4, with: extremes[generator.below(5)])
                }
            }
            bytes += SHA256.digest(bytes)
            guard let predictor = try? Predictor(serialized: bytes) else { continue }
            let prediction = predictor.predict(row.embedding, promptTokens: 3)
            #expect(prediction.qualities.allSatisfy { (0...1).contains($0) }, "seed \(part)")
        }
    }
}
