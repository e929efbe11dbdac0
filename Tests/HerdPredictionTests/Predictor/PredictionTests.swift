import CVectors
import HerdPrediction
import Testing

@Suite("Prediction", .serialized)
struct PredictionTests {
    @Test("has the same bits with every instruction set")
    func instructionSets() throws {
        let shape = SyntheticRows(count: 200, width: 37, hasCosts: true)
        let rows = shape.make()
        let predictor = try Trainer.train(
            rows: rows, models: shape.models, options: TrainingOptions(usesTail: true))
        defer { herd_limit_instruction_set(3) }
        herd_limit_instruction_set(0)
        let baseline = rows.map { predictor.predict($0.embedding, promptTokens: $0.promptTokens) }
        for set in [Int32(1), 2, 3] {
            herd_limit_instruction_set(set)
            #expect(rows.map { predictor.predict($0.embedding, promptTokens: $0.promptTokens) } == baseline)
        }
    }

    @Test("survives an embedding of another width")
    func otherWidth() throws {
        let predictor = try Trainer.train(rows: SyntheticRows().make(), models: ["a", "b", "c"])
        for width in [0, 1, 1000] {
            let vector = [Float](repeating: 0.01, count: width)
            let embedding = PromptEmbedding(whole: vector, tail: vector, tokenCount: 0, estimatedTokens: 0)
            #expect(predictor.predict(embedding, promptTokens: -5).qualities.allSatisfy { (0...1).contains($0) })
        }
    }

    @Test("takes microseconds")
    func speed() throws {
        let shape = SyntheticRows(
            count: 600, models: (0..<11).map { "m\($0)" }, tasks: (0..<57).map { "t\($0)" }, width: 256,
            hasCosts: true)
        let rows = shape.make()
        let predictor = try Trainer.train(
            rows: rows, models: shape.models,
            options: TrainingOptions(
                topicInverseRegularisation: 30, specificRidge: 100, commonRidge: 100, usesTail: true))
        var best = Duration.seconds(1)
        for _ in 0..<20 {
            let elapsed = ContinuousClock().measure {
                for row in rows { _ = predictor.predict(row.embedding, promptTokens: row.promptTokens) }
            }
            best = min(best, elapsed / rows.count)
        }
        print("prediction, 11 models, 57 topics, 512 features: \(best)")
        #if !DEBUG
        #expect(best < .microseconds(50))
        #endif
    }

    @Test("logarithm agrees with powers of e")
    func logarithm() {
        #expect(naturalLogarithm(1) == 0)
        #expect(abs(naturalLogarithm(2.718281828459045) - 1) < 1e-15)
        #expect(abs(naturalLogarithm(10) - 2.302585092994046) < 1e-15)
        #expect(abs(naturalLogarithm(1e-300) + 690.7755278982137) < 1e-12)
        #expect(abs(naturalLogarithm(0.9999) + 0.000100005000333358) < 1e-16)
    }

    @Test("calibration rises everywhere and can change nothing")
    func calibration() {
        let identity = ScoreCalibration()
        let steep = ScoreCalibration(slope: 1.3, offset: -0.2)
        var last = (identity(-1), steep(-1))
        for step in -99...200 {
            let score = Float(step) / 100
            let next = (identity(score), steep(score))
            #expect(next.0 >= last.0 && next.1 >= last.1)
            if (2...98).contains(step) {
                #expect(abs(next.0 - score) < 1e-5)
                #expect(next.1 > last.1)
            }
            last = next
        }
    }

    @Test("SHA-256 gives the digests of FIPS 180-4")
    func sha256() {
        func hex(_ text: String) -> String {
            SHA256.digest(Array(text.utf8)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
        #expect(hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
                == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        #expect(
            hex(String(repeating: "a", count: 1_000_000))
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }
}
