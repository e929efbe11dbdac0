import CVectors

extension PromptEmbedding {
    /// The embedding in 520 bytes, as the decision log keeps it: two scales (float32, little endian), then the whole and the
    /// tail as int8.
    package var quantised: [UInt8] {
        let scaleBytes = MemoryLayout<Float>.size
        return [UInt8](unsafeUninitializedCapacity: 2 * scaleBytes + whole.count + tail.count) { bytes, count in
            count = bytes.count
            guard let start = bytes.baseAddress.map(UnsafeMutableRawPointer.init) else { return }
            let values = start + 2 * scaleBytes
            let parts = [(whole, start, values), (tail, start + scaleBytes, values + whole.count)]
            for (vector, scalePlace, place) in parts {
                var scale: Float = 0
                vector.withUnsafeBufferPointer {
                    herd_quantise_i8($0.baseAddress, place.assumingMemoryBound(to: Int8.self), &scale, vector.count)
                }
                scalePlace.storeBytes(of: scale.bitPattern.littleEndian, as: UInt32.self)
            }
        }
    }
}
