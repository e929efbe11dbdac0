/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), so that a printed seed repeats a run.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// Ways to cut one text: whole, byte by byte, and at random.
enum Cuts {
    static let seed: UInt64 = 20_261_121

    static func all(of bytes: [UInt8]) -> [[[UInt8]]] {
        var random = SeededRandom(seed: seed)
        var ways = [[bytes], bytes.map { [$0] }]
        for _ in 0..<50 {
            var pieces: [[UInt8]] = []
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, start + Int.random(in: 0...40, using: &random))
                pieces.append(Array(bytes[start..<end]))
                start = end
            }
            ways.append(pieces)
        }
        return ways
    }
}
