import HerdJSON
import Testing

@Suite("JSON trees")
struct JSONNodeTests {
    private func node(_ text: String) throws -> JSONNode { try JSONNode(reading: Array(text.utf8)) }

    @Test(
        "read what was written",
        arguments: [
            "null", "true", "[]", "{}", "\"\"", "-0.5e-3", "18446744073709551615",
            #"{"b":1,"a":[null,{"c":"\u0000é🐑\\\""},[]]}"#, #"["\u2028","\u007f","\n"]"#,
            #"["p\u009b31m\u202e\u2066\u200f"]"#,
        ])
    func roundTrip(text: String) throws {
        #expect(try node(text).text(onOneLine: true) == text)
        #expect(try node(node(text).text()) == node(text))
    }

    @Test(
        "name what is wrong",
        arguments: [
            ("", "the text ends"), ("{", "the text ends"), ("{\"a\":1}x", "the end of the text"),
            ("{\"a\":{\"b\":[0,{\"c\":1,\"c\":2}]}}", "a.b[1].c is given twice"), ("[1,]", "byte 4"), ("01", "zero"),
            ("{\"a\" 1}", "a colon"), ("{a:1}", "a key in quotes"), ("[\"\\ud800\"]", "half a surrogate pair"),
            ("nul", "a JSON value"), ("[1 2]", "a comma"), ("\"\u{1}\"", "control character"),
        ])
    func failures(text: String, reason: String) {
        do {
            _ = try node(text)
            Issue.record("\(text) was read")
        } catch {
            #expect("\(error)".contains(reason), "\(error)")
        }
    }

    @Test("refuse depth and bytes that are no UTF-8, and never crash")
    func hostileText() throws {
        #expect(throws: JSONCursor.Failure.self) { try node(String(repeating: "[", count: 1_000_000)) }
        #expect(throws: JSONCursor.Failure.self) { try node(String(repeating: "{\"a\":", count: 1_000_000)) }
        #expect(throws: JSONCursor.Failure.self) { try JSONNode(reading: [0x22, 0xC3, 0x28, 0x22]) }
        let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(try node(deep).text(onOneLine: true) == deep)
        var random = SystemRandomNumberGenerator()
        let seed = random.next()
        var state = seed
        print("random texts of seed \(seed)")
        let alphabet = Array(#"{}[]",:\u0018eE+-.ntf aé"#.utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<Int(state % 40)).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return alphabet[Int(state >> 33) % alphabet.count]
            }
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            _ = try? JSONNode(reading: bytes)
        }
    }
}
