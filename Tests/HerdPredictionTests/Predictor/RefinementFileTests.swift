import HerdPrediction
import Testing

@Suite("Predictor files with refinement")
struct RefinementFileTests {
    /// What an earlier version of the software trained on `SyntheticRows(count: 60, width: 4, hasCosts: true)` with an
    /// embedding checksum of "table", in format 1.
    private static let earlier = base64(
        """
        SEVSRFBSRUQBAAAAggIAAAAAAAAFAAAAdGFibGUEAAAAAAAAAAMAAAABAAAAYQEAAABiAQAAAGMDAAAAAgAAAHQwAgAAAHQxAgAA\
        AHQyPAAAAAAAAAABAAAAAAAAAAAAAAAAAD5AAAAAAAAAPkAAAAAAAAAkQOTmmtkukeo/+fFSKDPUqj8DAAAAmpkZP97dHT8RERE/\
        AwAAABQAAAAAAAAAFAAAAAAAAAAUAAAAAAAAAAgAAAAIAAAAY3YuZm9sZHMAAAAAAAAUQBEAAABjdi50b3BpY19hY2N1cmFjeQAA\
        AAAAAPA/DwAAAGN2Lm1hY3JvX3JvdXRlZBEREREREek/DwAAAGN2Lm1pY3JvX3JvdXRlZBEREREREek/FAAAAGN2Lm1pY3JvX2Jl\
        c3Rfc2luZ2xlvLu7u7u74z8PAAAAY3YubWljcm9fb3JhY2xl7+7u7u7u7j8GAAAAY3YuZWNlP+mTPtzruD8IAAAAY3YuYnJpZXKi\
        rr6oV5bNPxgAAAD/xYVARjz+v9Go9b9bdF+9O7kMwESjf0DLfArASdapPkGl/b8zhQDAnqiCQMXnjb6AIEQ7cpl/vd8XEjxDy349\
        H8ZzPBIKvbzXISA96NSOPVdMoLz3Xpu8oEFfPepKVT0DAAAAbxSVv/xbeL8DIIu/CQAAAOZNRT+aBAM/yiUQP0622j5FyEg/j80b\
        P+5OAD+Tyv8+khIvPwMAAAC0lxA/4W8TP/OAJD8DAAAAvTeGNb03BjacU0k2CQAAABe30TgXt9E4F7fROBe30TgXt9E4F7fROBe3\
        0TgXt9E4F7fROAOoPgXR6e0nus2PKeB4UZA5WFIs4o4oVFdHRBgmvvPq
        """)

    private static func refined() throws -> Predictor {
        try Trainer.train(
            rows: RefinedRows().make(), models: RefinedRows.models, options: TrainingOptions(embeddingChecksum: "table")
        )
    }

    @Test("of earlier versions are read, and made to the byte where nothing was refined")
    func earlierFormat() throws {
        let predictor = try Predictor(serialized: Self.earlier)
        #expect(predictor.version == "p-03a83e05d1e9" && predictor.rounds == 0)
        let rows = SyntheticRows(count: 60, width: 4, hasCosts: true).make()
        let prediction = predictor.predict(rows[0].embedding, promptTokens: 5)
        #expect(prediction.rounds == 0 && prediction.gains.isEmpty && prediction.roundCosts.isEmpty)
        #expect(prediction.qualities.count == 3)
        let again = try Trainer.train(
            rows: rows, models: ["a", "b", "c"], options: TrainingOptions(embeddingChecksum: "table"))
        #expect(again.serialized() == Self.earlier)
    }

    @Test("come back as they were written")
    func roundTrip() throws {
        let predictor = try Self.refined()
        let bytes = predictor.serialized()
        #expect(bytes[8] == 2 && predictor.rounds == 2)
        let restored = try Predictor(serialized: bytes)
        #expect(restored.version == predictor.version && restored.rounds == 2)
        for row in RefinedRows().make().prefix(10) {
            let (first, second) = (
                predictor.predict(row.embedding, promptTokens: 3), restored.predict(row.embedding, promptTokens: 3)
            )
            #expect(first.gains.map(\.bitPattern) == second.gains.map(\.bitPattern))
            #expect(first.roundCosts.map(\.bitPattern) == second.roundCosts.map(\.bitPattern))
            #expect(first.qualities == second.qualities)
        }
    }

    @Test("are refused cut short, damaged or under another format's number")
    func damaged() throws {
        let bytes = try Self.refined().serialized()
        for count in bytes.indices where count % 7 == 0 || bytes.count - count < 200 {
            #expect(throws: PredictorFileError.self) { try Predictor(serialized: Array(bytes[..<count])) }
        }
        // With the right checksum and the wrong number the gains are missing or left over.
        for (file, format) in [(bytes, UInt8(1)), (Self.earlier, 2)] {
            var forged = Array(file.dropLast(SHA256.byteCount))
            forged[8] = format
            forged += SHA256.digest(forged)
            #expect(throws: PredictorFileError.self) { try Predictor(serialized: forged) }
        }
    }

    @Test("with forged gains are refused or harmless", arguments: 0..<2)
    func forged(_ seed: UInt64) throws {
        let original = try Self.refined().serialized()
        let content = original.count - SHA256.byteCount
        // The gains and their costs are the last numbers of the file.
        let start = content - 2 * (4 + 4 * RefinedRows.models.count * 2 * 2) - 4
        var generator = SeededGenerator(seed: seed)
        let row = RefinedRows().make()[0]
        var read = 0
        for _ in 0..<1_000 {
            var bytes = Array(original[..<content])
            for _ in 0...generator.below(3) {
                let place = start + generator.below(content - start - 4)
                let extremes: [[UInt8]] = [
                    [255, 255, 255, 255], [0, 0, 0, 128], [0, 0, 192, 127], [0, 0, 128, 127], [0, 0, 0, 0],
                    [0, 0, 128, 78],
                ]
                bytes.replaceSubrange(place..<place + 4, with: extremes[generator.below(6)])
            }
            bytes += SHA256.digest(bytes)
            guard let predictor = try? Predictor(serialized: bytes) else { continue }
            read += 1
            let prediction = predictor.predict(row.embedding, promptTokens: 3)
            #expect(prediction.gains.allSatisfy { $0.isNaN || abs($0) <= 1 }, "seed \(seed)")
            #expect(prediction.roundCosts.allSatisfy { $0.isNaN || $0 >= 0 }, "seed \(seed)")
            #expect(prediction.gains.count == predictor.models.count * predictor.rounds)
        }
        #expect(read > 0)
    }

    private static func base64(_ text: String) -> [UInt8] {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for digit in text.utf8 where digit != UInt8(ascii: "=") {
            bits = bits << 6 | UInt32(digits.firstIndex(of: digit) ?? 0)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }
}
