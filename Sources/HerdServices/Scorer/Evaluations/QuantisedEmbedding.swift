import HerdPrediction

/// An embedding in 520 bytes for the decision log: two scales, then 256 + 256 int8.
enum QuantisedEmbedding {
    static func bytes(of embedding: PromptEmbedding) -> [UInt8] {
        let whole = quantised(embedding.whole)
        let tail = quantised(embedding.tail)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + whole.values.count + tail.values.count)
        for scale in [whole.scale, tail.scale] {
            withUnsafeBytes(of: scale.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
        }
        bytes += whole.values
        bytes += tail.values
        return bytes
    }

    private static func quantised(_ vector: [Float]) -> (scale: Float, values: [UInt8]) {
        let largest = vector.reduce(Float(0)) { max($0, abs($1)) }
        guard largest > 0 else { return (0, [UInt8](repeating: 0, count: vector.count)) }
        let scale = largest / 127
        return (scale, vector.map { UInt8(bitPattern: Int8(clamping: Int(($0 / scale).rounded()))) })
    }
}
