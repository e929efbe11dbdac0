import HerdMessages
import RandomMessages
import Testing

@Suite("Hostile bytes")
struct HostileBytesTests {
    static let seed: UInt64 = 6_151

    /// Decodes; what is accepted must pack, and come back with the same bytes.
    private static func decode<M: GeneratedMessage>(_ type: M.Type, _ bytes: [UInt8]) -> Bool {
        guard let value = try? M(packed: bytes) else { return false }
        let packed = value.pack()
        let again = try? M(packed: packed)
        if again?.pack() != packed {
            Issue.record("\(M.fullName): \(bytes), seed \(seed)")
        }
        return true
    }

    @Test("Messages cut off at every byte", arguments: allScratchMessages.indices)
    func truncated(index: Int) {
        var wire = RandomWire(seed: Self.seed)
        for _ in 0..<20 {
            let bytes = wire.message(allScratchMessages[index].descriptor, depth: 2)
            for length in bytes.indices {
                _ = Self.decode(allScratchMessages[index], Array(bytes[..<length]))
            }
        }
    }

    @Test("Valid messages with random changes", arguments: (allScratchMessages + allWireMessages).indices)
    func mutated(index: Int) {
        let type = (allScratchMessages + allWireMessages)[index]
        var wire = RandomWire(seed: Self.seed &+ UInt64(index))
        var accepted = 0
        for _ in 0..<2_000 {
            var bytes = wire.message(type.descriptor, depth: 3)
            mutate(&bytes, &wire.random)
            accepted += Self.decode(type, bytes) ? 1 : 0
        }
        #expect(accepted > 0)
    }

    @Test("100,000 random buffers")
    func noise() {
        var random = SplitMix(seed: Self.seed)
        let types = allScratchMessages + allWireMessages
        for index in 0..<100_000 {
            let bytes = (0..<Int.random(in: 0..<64, using: &random)).map { _ in
                // Low numbers are tags and lengths that mean something.
                Bool.random(using: &random)
                    ? UInt8.random(in: 0...255, using: &random) : UInt8.random(in: 0...40, using: &random)
            }
            let type = types[index % types.count]
            _ = Self.decode(type, bytes)
        }
    }
}

/// Changes, removes, inserts or repeats a few bytes.
func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix) {
    for _ in 0..<Int.random(in: 1...4, using: &random) {
        let at = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 2 where at < bytes.count: bytes.remove(at: at)
        case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
        case 4:
            let end = min(bytes.count, at + Int.random(in: 0..<16, using: &random))
            bytes.insert(contentsOf: Array(bytes[at..<end]), at: Int.random(in: 0...bytes.count, using: &random))
        default: bytes.removeLast(min(bytes.count, Int.random(in: 0..<8, using: &random)))
        }
    }
}
