import HerdJSON
import Testing

@Suite("JSON cursors")
struct JSONCursorTests {
    private func skipping(_ text: [UInt8], isLenient: Bool = false) throws(JSONCursor.Failure) {
        var cursor = JSONCursor(text, isLenient: isLenient)
        try cursor.skipValue()
        try cursor.finish()
    }

    @Test("skip what can be read, and nothing else")
    func skipping() {
        let seed = UInt64.random(in: 0 ... .max)
        print("random texts of seed \(seed)")
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let words = [
            "{", "}", "[", "]", "\"a\"", "\"b\\u00e9\"", ":", ",", "1", "-0.5e3", "null", "true", "\"\\x\"", " ",
        ]
        var wholes = 0
        for _ in 0..<50_000 {
            var text = "[\"é\","
            for _ in 0..<next(12) { text += words[next(words.count)] }
            text += "]"
            let bytes = Array(text.utf8)
            let read = Result { try JSONNode(reading: bytes) }
            let skipped = Result { try skipping(bytes) }
            switch (read, skipped) {
            case (.success, .success): wholes += 1
            // A tree takes no key twice.
            case (.failure, .failure): break
            case (.failure(let error), .success): #expect("\(error)".contains("given twice"), "\(text)")
            case (.success, .failure(let error)): Issue.record("\(text): \(error)")
            }
        }
        #expect(wholes > 100)
    }

    @Test("keep count of what is open, however deep", arguments: [1, 63, 64, 65, 127, 128, 129, 1_000, 300_000])
    func depth(depth: Int) throws {
        let open = (0..<depth).map { $0.isMultiple(of: 3) ? "[" : "{\"a\":" }
        let close = (0..<depth).reversed().map { $0.isMultiple(of: 3) ? "]" : "}" }
        let text = open.joined() + "0" + close.joined()
        try skipping(Array(text.utf8), isLenient: true)
        #expect(throws: JSONCursor.Failure.self) { try skipping(Array(text.utf8.dropLast()), isLenient: true) }
        var wrong = Array(text.utf8)
        wrong[wrong.count - 1] ^= UInt8(ascii: "]") ^ UInt8(ascii: "}")
        #expect(throws: JSONCursor.Failure.self) { try skipping(wrong, isLenient: true) }
        let isRefused = (try? skipping(Array(text.utf8))) == nil
        #expect(isRefused == (depth > JSONCursor.maximumDepth))
    }

    @Test("half a surrogate pair is an error, or U+FFFD")
    func surrogates() throws {
        for (text, whole) in [
            (#""\ud83d\udc11""#, "🐑"), (#""\ud83d""#, "\u{FFFD}"), (#""\udc11\ud83dx""#, "\u{FFFD}\u{FFFD}x"),
            (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\ud83d\ud83d\udc11""#, "\u{FFFD}🐑"), (#""\ud83d\n""#, "\u{FFFD}\n"),
        ] {
            var cursor = JSONCursor(Array(text.utf8), isLenient: true)
            let read = try cursor.string("it")
            #expect(read == whole)
            var strict = JSONCursor(Array(text.utf8))
            #expect(((try? strict.string("it")) == nil) == whole.unicodeScalars.contains("\u{FFFD}"))
        }
        var broken = JSONCursor(Array(#""\ud83d\uzzzz""#.utf8), isLenient: true)
        #expect(throws: JSONCursor.Failure.self) { try broken.string("it") }
    }

    @Test("keys are told apart by their bytes, escaped or not")
    func keys() throws {
        var cursor = JSONCursor(Array(#"{"index":1,"inde":2,"i\u006edex":3,"":4,"indexx":5,"é":6}"#.utf8))
        var found: [String] = []
        try cursor.fields("it") { (cursor, key) throws(JSONCursor.Failure) in
            let value = Int(try cursor.number("it"))
            switch key {
            case "index": found.append("index\(value)")
            case "": found.append("empty\(value)")
            default: found.append("\(key.text)\(value)")
            }
        }
        try cursor.finish()
        #expect(found == ["index1", "inde2", "index3", "empty4", "indexx5", "é6"])
    }
}
