import CLMDB
import Testing

/// CRC-32C against RFC 3720 appendix B.4, and the instruction against the table.
struct ChecksumTests {
    @Test func publishedValues() {
        let cases: [([UInt8], UInt32)] = [
            ([], 0),
            (Array("123456789".utf8), 0xE306_9283),
            ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 255, count: 32), 0x62A8_AB43),
            (Array(0..<32), 0x46DD_794E),
        ]
        for (bytes, expected) in cases {
            #expect(herd_crc32c(0, bytes, bytes.count) == expected)
            #expect(herd_crc32c_portable(0, bytes, bytes.count) == expected)
        }
    }

    @Test func bothWaysAgreeWhereverTheBytesAreCut() {
        var random = SeededGenerator(seed: printedSeed())
        for _ in 0..<500 {
            let bytes = random.bytes(0...3000)
            let cut = Int.random(in: 0...bytes.count, using: &random)
            let whole = herd_crc32c(0, bytes, bytes.count)
            let (head, tail) = (Array(bytes[..<cut]), Array(bytes[cut...]))
            #expect(herd_crc32c(herd_crc32c(0, head, head.count), tail, tail.count) == whole)
            #expect(herd_crc32c_portable(herd_crc32c(0, head, head.count), tail, tail.count) == whole)
        }
    }
}
