import HerdPrediction
import Testing

@Suite("No text crashes or stalls the embedder")
struct HostileTextTests {
    let embedder: TextEmbedder

    init() throws { embedder = try GoldenFiles.embedder.get() }

    private func tokenIDs(_ bytes: [UInt8]) -> [Int32] {
        bytes.withUnsafeBufferPointer { embedder.tokenIDs(utf8: $0, limit: .max) }
    }

    @Test("Ill-formed UTF-8 counts as U+FFFD, as the standard library replaces it")
    func illFormed() {
        var random = SplitMix64(state: 7)
        print("ill-formed texts: seed 7")
        let valid = Array("Naïve café 你好 😀 text [SEP] end".utf8)
        for _ in 0..<20_000 {
            var bytes = valid
            for _ in 0..<1 + random.below(6) {
                let position = Int(random.below(UInt32(bytes.count)))
                switch random.below(3) {
                case 0: bytes[position] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: position)
                default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: position)
                }
            }
            let repaired = String(decoding: bytes, as: UTF8.self)
            #expect(tokenIDs(bytes) == embedder.tokenIDs(repaired, limit: .max), "\(bytes)")
        }
    }

    @Test("Random bytes, and every cut of a text")
    func randomBytes() {
        var random = SplitMix64(state: 8)
        print("random bytes: seed 8")
        for length in 0..<2_000 {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            #expect(tokenIDs(bytes) == embedder.tokenIDs(String(decoding: bytes, as: UTF8.self), limit: .max))
            _ = bytes.withUnsafeBufferPointer(embedder.embed(utf8:))
        }
        let text = Array("a\u{301}한글 \u{1F468}\u{200D}\u{1F469} [MASK]".utf8)
        for end in 0...text.count {
            let cut = Array(text[..<end])
            #expect(tokenIDs(cut) == embedder.tokenIDs(String(decoding: cut, as: UTF8.self), limit: .max))
        }
        #expect(embedder.tokenIDs(utf8: UnsafeBufferPointer(start: nil, count: 0)) == [])
        #expect(embedder.embed(utf8: UnsafeBufferPointer(start: nil, count: 0)).tokenCount == 0)
    }

    @Test("NULs leave no trace")
    func nuls() {
        #expect(embedder.tokenIDs("\0\0he\0llo\0") == embedder.tokenIDs("hello"))
        #expect(embedder.tokenIDs(String(repeating: "\0", count: 100_000)) == [])
    }

    static let units = [
        "x", " ", "a ", "\u{301}", "e\u{301}\u{323}", "\u{302E}", "\u{1D165}\u{302E}", "你", "😀", "[CLS]", "[", "[CL",
        "\0", "가", "ǅ", "word, ", "##",
    ]

    @Test("Ten times the text takes about ten times as long", arguments: units)
    func linear(unit: String) {
        let megabyte = Array(String(repeating: unit, count: (1 << 20) / unit.utf8.count).utf8)
        func time(_ count: Int) -> Duration {
            let part = Array(megabyte.prefix(count))
            return (0..<3).map { _ in ThreadTime.measure { _ = tokenIDs(part) } }.min() ?? .zero
        }
        let (tenth, whole) = (time(megabyte.count / 10), time(megabyte.count))
        // Quadratic work would take a hundred times as long; caches and page faults may triple what is linear.
        #expect(whole < tenth * 30 + .milliseconds(5), "\(tenth) and \(whole)")
        let embedding = megabyte.withUnsafeBufferPointer(embedder.embed(utf8:))
        #expect(embedding.whole.allSatisfy { $0.isFinite })
    }
}
