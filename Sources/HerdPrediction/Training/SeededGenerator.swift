/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the same numbers for the same seed on every machine.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// A number from 0 to `bound` - 1; the standard library's own methods may change between releases.
    package mutating func below(_ bound: Int) -> Int {
        bound <= 1 ? 0 : Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// The numbers from 0 to `count` - 1 in random order (Fisher-Yates).
    package mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<max(0, count))
        for index in order.indices.reversed() { order.swapAt(index, below(index + 1)) }
        return order
    }
}
