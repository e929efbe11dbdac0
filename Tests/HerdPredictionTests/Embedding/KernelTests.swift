import CVectors
import Foundation
import HerdPrediction
import Testing

@Suite("The kernels give one result on every instruction set", .serialized)
struct KernelTests {
    private func random(_ count: Int, seed: UInt64) -> [Float] {
        var random = SplitMix64(state: seed)
        return (0..<count).map { _ in Float.random(in: -3...3, using: &random) }
    }

    /// The order of additions that the header promises.
    private func dotProduct(_ a: [Float], _ b: [Float]) -> Float {
        var lanes = [Float](repeating: 0, count: 16)
        for index in a.indices { lanes[index % 16] += a[index] * b[index] }
        for width in [8, 4, 2, 1] {
            for lane in 0..<width { lanes[lane] += lanes[lane + width] }
        }
        return lanes[0]
    }

    @Test("the dot product, for every length up to 100 and any alignment", arguments: Int32(0)...2)
    func dotProducts(instructionSet: Int32) {
        defer { herd_limit_instruction_set(2) }
        herd_limit_instruction_set(instructionSet)
        for count in Array(0...100) + [256, 1023] {
            let (a, b) = (random(count + 1, seed: 1), random(count + 1, seed: 2))
            let got = a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { b in
                    guard let a = a.baseAddress, let b = b.baseAddress else { return Float.nan }
                    return herd_dot_f32(a + 1, b + 1, count)
                }
            }
            #expect(got.bitPattern == dotProduct(Array(a.dropFirst()), Array(b.dropFirst())).bitPattern)
        }
    }

    @Test("the matrix-vector product and the scaled sum", arguments: Int32(0)...2)
    func matrices(instructionSet: Int32) {
        defer { herd_limit_instruction_set(2) }
        herd_limit_instruction_set(instructionSet)
        for (rows, columns) in [(0, 3), (1, 1), (3, 16), (4, 17), (11, 256), (57, 33)] {
            let (m, x) = (random(rows * columns, seed: 3), random(columns, seed: 4))
            var y = [Float](repeating: .nan, count: rows)
            herd_matvec_f32(m, x, &y, rows, columns)
            for row in 0..<rows {
                let expected = dotProduct(Array(m[row * columns..<(row + 1) * columns]), x)
                #expect(y[row].bitPattern == expected.bitPattern)
            }
            var sum = random(columns, seed: 5)
            let expected = zip(sum, x).map { $0 + 0.3 * $1 }
            herd_add_scaled_f32(0.3, x, &sum, columns)
            #expect(sum == expected)
        }
    }

    @Test("the exponential is within 5e-7, and within a tick of the smallest number where it is subnormal")
    func exponential() {
        var worst = 0.0
        func check(_ x: Float) {
            let (got, expected) = (Double(herd_exp_f32(x)), exp(Double(x)))
            if expected > Double(Float.greatestFiniteMagnitude) {
                #expect(got == .infinity || x <= 88.72284)
            } else if expected < Double(Float.leastNormalMagnitude) {
                #expect(abs(got - expected) <= 2 * Double(Float.leastNonzeroMagnitude), "\(x)")
            } else {
                worst = max(worst, abs(got - expected) / expected)
            }
        }
        for step in -2_100_000...2_000_000 { check(Float(step) / 20_000) }
        for exponent in 1...40 { for sign: Float in [-1, 1] { check(sign / Float(UInt64(1) << exponent)) } }
        print("largest relative error of the exponential: \(worst)")
        #expect(worst < 5e-7)
        #expect(herd_exp_f32(0) == 1)
        #expect(herd_exp_f32(-.infinity) == 0 && herd_exp_f32(.infinity) == .infinity && herd_exp_f32(.nan).isNaN)
        #expect(herd_exp_f32(-.greatestFiniteMagnitude) == 0 && herd_exp_f32(88.72283).isFinite)
    }

    @Test("the softmax adds up to one, also for large values, in place")
    func softmax() {
        for values: [Float] in [[1, 2, 3], [1000, 1000], [-1000, 0, 1000], [0]] {
            var probabilities = values
            probabilities.withUnsafeMutableBufferPointer { herd_softmax_f32($0.baseAddress, $0.baseAddress, $0.count) }
            #expect(abs(probabilities.reduce(0, +) - 1) < 1e-6)
            #expect(probabilities.sorted() == zip(values, probabilities).sorted { $0.0 < $1.0 }.map(\.1))
        }
        var nothing: [Float] = []
        herd_softmax_f32([], &nothing, 0)
    }

    @Test("normalising leaves unit length, or zeros")
    func normalise() {
        var values: [Float] = [3, 4]
        herd_normalise_f32(&values, 2)
        #expect(values == [0.6, 0.8])
        for unusable: [Float] in [[0, 0], [.nan, 1], [.infinity, 1], [3e38, 3e38]] {
            var values = unusable
            herd_normalise_f32(&values, 2)
            #expect(values == [0, 0])
        }
    }

    @Test("the vectors of texts, held to the same bits on every machine")
    func embeddings() throws {
        let embedder = try GoldenFiles.embedder.get()
        defer { herd_limit_instruction_set(2) }
        let texts = (0..<300).map(RandomStrings.string) + [String(repeating: "One more sentence. ", count: 400)]
        var results: [[PromptEmbedding]] = []
        for highest in Int32(0)...2 {
            herd_limit_instruction_set(highest)
            print("instruction set: \(String(cString: herd_instruction_set_name()))")
            results.append(texts.map(embedder.embed))
        }
        #expect(results[0] == results[1])
        #expect(results[0] == results[2])
        // What every machine must get, bit by bit.
        var bits = CRC64()
        for embedding in results[0] {
            (embedding.whole + embedding.tail).withUnsafeBytes { bits.update($0) }
        }
        #expect(String(bits.value, radix: 16) == "47fa6080706e4b73")
    }
}
