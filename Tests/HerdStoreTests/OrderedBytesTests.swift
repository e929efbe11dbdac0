import HerdStore
import Testing

/// Composite keys: they sort as their parts do and come apart again.
struct OrderedBytesTests {
    @Test func partsComeBack() {
        let key = OrderedBytes().adding("müll\0er").adding(UInt64.max - 1).adding([0, 255, 0, 1]).adding("").adding(0)
        var parts = key.parts()
        #expect(parts.string() == "müll\0er")
        #expect(parts.integer() == UInt64.max - 1)
        #expect(parts.bytes() == [0, 255, 0, 1])
        #expect(parts.string() == "")
        #expect(parts.integer() == 0)
        #expect(parts.isAtEnd)
        #expect(parts.integer() == nil)
        #expect(parts.string() == nil)
    }

    @Test func bytesThatAreNoPartsGiveNothing() {
        var random = SeededGenerator(seed: printedSeed())
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                [0, 1, 255, 65].randomElement(using: &random) ?? UInt8(0)
            }
            var parts = bytes.withUnsafeBytes { bytes in OrderedBytes(keyBytes: bytes.bytes).parts() }
            while parts.bytes() != nil {}
            while parts.integer() != nil {}
        }
        var open = [65, 0].withUnsafeBytes { bytes in OrderedBytes(keyBytes: bytes.bytes).parts() }
        #expect(open.string() == nil)
    }

    @Test func keysSortAsTheirParts() {
        var random = SeededGenerator(seed: printedSeed())
        func part() -> [UInt8] {
            (0..<Int.random(in: 0...3, using: &random)).map { _ in
                [0, 1, 2, 254, 255].randomElement(using: &random) ?? 0
            }
        }
        for _ in 0..<5000 {
            let (one, other) = ((part(), UInt64.random(in: 0...3, using: &random)), (part(), UInt64.max))
            let (first, second) = (Bool.random(using: &random) ? (one, other) : (other, one))
            let isBefore = first.0 == second.0 ? first.1 < second.1 : first.0.lexicographicallyPrecedes(second.0)
            let firstKey = OrderedBytes().adding(first.0).adding(first.1)
            let secondKey = OrderedBytes().adding(second.0).adding(second.1)
            #expect(firstKey.bytes.lexicographicallyPrecedes(secondKey.bytes) == isBefore)
            // A whole first part is a prefix of no other first part's key.
            if first.0 != second.0 { #expect(!secondKey.bytes.starts(with: OrderedBytes().adding(first.0).bytes)) }
        }
    }

    @Test func goldenBytes() {
        #expect(OrderedBytes().adding("a\0").adding(258).bytes == [0x61, 0, 0xFF, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2])
    }
}
