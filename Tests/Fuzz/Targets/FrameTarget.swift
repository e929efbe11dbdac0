import HerdFrames

extension FuzzTarget {
    /// A byte stream, decoded at once, byte by byte and in batches: the same frames and the same error each time, and
    /// every frame comes back from its own packed form.
    static let frames = FuzzTarget(name: "frames") { bytes in
        let atOnce = StreamResult(bytes, sizes: [max(1, bytes.count)])
        for sizes in [[1], [3, 1, 7], [64, 5]] where StreamResult(bytes, sizes: sizes) != atOnce {
            return Violation("cut into \(sizes) the stream gives other frames than at once")
        }
        for frame in atOnce.frames {
            // The first packing replaces each U+0000 in a text; from then on nothing may change.
            guard let again = repacked(frame), let third = repacked(again) else {
                return Violation("what was packed is not decoded: \(frame)")
            }
            guard again == third else { return Violation("packing changed \(again) to \(third)") }
        }
        return nil
    } seeds: {
        var random = RandomFrames(seed: 2_026)
        return (1...24).map { count in
            (0..<1 + count % 4).flatMap { _ in random.frame().wireBytes() }
        }
    }
}

private func repacked(_ frame: Frame) -> Frame? {
    try? Frame(packed: Array(frame.wireBytes().dropFirst(Frame.lengthPrefixSize)))
}

/// What decoding a byte stream that arrives in pieces gives.
private struct StreamResult: Equatable {
    var frames: [Frame] = []
    var error: FrameError?

    init(_ bytes: UnsafeRawBufferPointer, sizes: [Int]) {
        // Small enough that a fuzzer finds the limit.
        let decoder = FrameDecoder(maximumLength: 2_048)
        var pending: [UInt8] = []
        var position = 0
        var piece = 0
        while position < bytes.count, error == nil {
            let end = min(bytes.count, position + sizes[piece % sizes.count])
            pending += bytes[position..<end]
            position = end
            piece += 1
            pending.removeFirst(decode(pending, decoder))
        }
    }

    private mutating func decode(_ pending: [UInt8], _ decoder: FrameDecoder) -> Int {
        var used = 0
        pending.withUnsafeBytes { bytes in
            do throws(FrameError) {
                while let (view, size) = try decoder.next(in: UnsafeRawBufferPointer(rebasing: bytes[used...])) {
                    frames.append(Frame(view))
                    used += size
                }
            } catch {
                self.error = error
            }
        }
        return used
    }
}
