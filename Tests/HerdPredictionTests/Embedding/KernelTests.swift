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

    @Test("the dot product, for every length up to 100 and any alignment", arguments: Int32(0)...3)
    func dotProducts(instructionSet: Int32) {
        defer { herd_limit_instruction_set(3) }
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

    @Test("the matrix-vector product and the scaled sum", arguments: Int32(0)...3)
    func matrices(instructionSet: Int32) {
        defer { herd_limit_instruction_set(3) }
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

    @Test("integer products, for every length up to 130, many rows and the widest", arguments: Int32(0)...3)
    func integerProducts(instructionSet: Int32) {
        defer { herd_limit_instruction_set(3) }
        herd_limit_instruction_set(instructionSet)
        var random = SplitMix64(state: 6)
        for columns in Array(0...130) + [256, 512, 65_536] {
            for rows in [1, 3] {
                let m = (0..<rows * columns).map { _ in Int8.random(in: -127...127, using: &random) }
                let x = (0..<columns).map { _ in Int8.random(in: -127...127, using: &random) }
                var y = [Int32](repeating: -1, count: rows)
                herd_matvec_i8(m, x, &y, rows, columns)
                for row in 0..<rows {
                    let expected = (0..<columns).reduce(0) { $0 + Int(m[row * columns + $1]) * Int(x[$1]) }
                    #expect(Int(y[row]) == expected, "\(columns) columns, row \(row)")
                }
            }
        }
        // The largest sums of either sign.
        for value: Int8 in [127, -127] {
            let m = [Int8](repeating: value, count: 65_536)
            var y: [Int32] = [0]
            herd_matvec_i8(m, [Int8](repeating: 127, count: 65_536), &y, 1, 65_536)
            #expect(Int(y[0]) == Int(value) * 127 * 65_536)
        }
    }

    @Test("the matrix product adds 256 products at a time, in order", arguments: Int32(0)...3)
    func matrixProduct(instructionSet: Int32) {
        defer { herd_limit_instruction_set(3) }
        herd_limit_instruction_set(instructionSet)
        for (rows, columns, sum) in [(1, 1, 1), (4, 16, 256), (5, 20, 257), (7, 57, 600), (3, 15, 0), (0, 3, 4)] {
            let (left, right) = (random(sum * rows, seed: 7), random(sum * columns, seed: 8))
            let before = random(rows * columns, seed: 9)
            // Once as it is, once as the transpose of what is in memory.
            for (rowStride, sumStride) in [(sum, 1), (1, rows)] {
                var result = before
                herd_add_product_f32(rows, columns, sum, left, rowStride, sumStride, right, columns, &result, columns)
                for row in 0..<rows {
                    for column in 0..<columns {
                        var expected = before[row * columns + column]
                        for start in stride(from: 0, to: sum, by: 256) {
                            var part: Float = 0
                            for s in start..<min(start + 256, sum) {
                                part += left[row * rowStride + s * sumStride] * right[s * columns + column]
                            }
                            expected += part
                        }
                        #expect(result[row * columns + column].bitPattern == expected.bitPattern)
                    }
                }
            }
        }
    }

    @Test("quantising rounds halves away from zero, whatever it is given", arguments: Int32(0)...3)
    func quantising(instructionSet: Int32) {
        defer { herd_limit_instruction_set(3) }
        herd_limit_instruction_set(instructionSet)
        func quantised(_ values: [Float]) -> (scale: Float, values: [Int8]) {
            var (result, scale) = ([Int8](repeating: 99, count: values.count), Float.nan)
            herd_quantise_i8(values, &result, &scale, values.count)
            return (scale, result)
        }
        for count in [1, 15, 16, 17, 256, 513] {
            let values = random(count, seed: UInt64(count))
            let (scale, integers) = quantised(values)
            #expect(scale == values.map(abs).max().map { $0 / 127 })
            for (value, integer) in zip(values, integers) {
                #expect(integer == Int8(clamping: Int((value / scale).rounded())))
            }
        }
        #expect(quantised([127, 0.5, -0.5, 1.5, -1.5, 0.49999997, -126.5]).values == [127, 1, -1, 2, -2, 0, -127])
        let smallest = Float.leastNonzeroMagnitude
        for unusable: [Float] in [[], [0, -0], [.infinity, 1], [smallest, -smallest]] {
            let (scale, integers) = quantised(unusable)
            #expect(scale == 0 && integers.allSatisfy { $0 == 0 })
        }
        #expect(quantised([.nan, 2, -1]).values == [0, 127, -64])
    }

    @Test("calibration is what its formula says, bit by bit", arguments: Int32(0)...3)
    func calibration(instructionSet: Int32) {
        defer { herd_limit_instruction_set(3) }
        herd_limit_instruction_set(instructionSet)
        func expected(_ score: Float, _ slope: Double, _ offset: Double) -> Float {
            let (score, edge) = (Double(score), 0.02)
            let inside = min(max(score, edge), 1 - edge)
            let logit = naturalLogarithm(inside / (1 - inside)) + (score - inside) / (edge * (1 - edge))
            return 1 / (1 + herd_exp_f32(Float(-(slope * logit + offset))))
        }
        let scores = (-3_000...4_000).map { Float($0) / 1_000 } + [-1e30, 1e30, 0.02, 0.98]
        for (slope, offset) in [(1.0, 0.0), (0.3, -2.5), (17, 4)] {
            var calibrated = scores
            herd_calibrate_f32(&calibrated, calibrated.count, slope, offset)
            for (score, got) in zip(scores, calibrated) {
                #expect(got.bitPattern == expected(score, slope, offset).bitPattern, "\(score)")
            }
        }
        var unknown: Float = .nan
        herd_calibrate_f32(&unknown, 1, 1, 0)
        #expect(unknown.isNaN)
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
        defer { herd_limit_instruction_set(3) }
        let texts = (0..<300).map(RandomStrings.string) + [String(repeating: "One more sentence. ", count: 400)]
        var results: [[PromptEmbedding]] = []
        for highest in Int32(0)...3 {
            herd_limit_instruction_set(highest)
            print("instruction set: \(String(cString: herd_instruction_set_name()))")
            results.append(texts.map(embedder.embed))
        }
        #expect(results[0] == results[1])
        #expect(results[0] == results[2])
        #expect(results[0] == results[3])
        // What every machine must get, bit by bit.
        var bits = CRC64()
        for embedding in results[0] {
            (embedding.whole + embedding.tail).withUnsafeBytes { bits.update($0) }
        }
        #expect(String(bits.value, radix: 16) == "47fa6080706e4b73")
    }
}
