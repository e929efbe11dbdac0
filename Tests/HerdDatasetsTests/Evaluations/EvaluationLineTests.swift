import HerdDatasets
import Testing

@Suite("One line of an evaluation file")
struct EvaluationLineTests {
    private func parse(_ line: String) throws(EvaluationProblem) -> EvaluationRow {
        try EvaluationLineParser().parse(Array(line.utf8), line: 7)
    }

    private func reason(_ line: [UInt8]) -> String? {
        do {
            _ = try EvaluationLineParser().parse(line, line: 7)
            return nil
        } catch {
            #expect(error.line == 7 && error.kind == .malformed)
            return error.reason
        }
    }

    @Test("with every field")
    func everyField() throws {
        let row = try parse(
            #"""
            {"id": "a/1", "prompt": "x\n\u00e9\ud83d\ude00\u0001 \"y\" \\ \/", "task": "t", "domain": "d",
             "scores": {"m": 1, "n": 0.25, "o": 1e-1}, "costs": {"m": 0.0005, "n": 0}, "graded": {"m": [{"x": null}]},
             "refined": {"m": [0.5, 1]}, "refined_costs": {"m": [0.1, 2.5e-3]}, "contaminated": false}
            """#)
        #expect(
            row
                == EvaluationRow(
                    id: "a/1", prompt: "x\né😀\u{1} \"y\" \\ /", task: "t", domain: "d",
                    scores: ["m": 1, "n": 0.25, "o": 0.1], costs: ["m": 0.0005, "n": 0], refined: ["m": [0.5, 1]],
                    refinedCosts: ["m": [0.1, 0.0025]]))
    }

    @Test("with the fewest fields, and optional ones null")
    func fewestFields() throws {
        #expect(
            try parse(#"{"id":"a","prompt":"","task":"t","scores":{"m":0}}"#)
                == EvaluationRow(id: "a", prompt: "", task: "t", scores: ["m": 0]))
        #expect(
            try parse(#"{"id":"a","prompt":"","task":"t","scores":{"m":0},"domain":null,"costs":null,"refined":null}"#)
                == EvaluationRow(id: "a", prompt: "", task: "t", scores: ["m": 0]))
    }

    @Test(
        "that is wrong is refused with the reason",
        arguments: [
            (#"{"prompt":"p","task":"t","scores":{"m":1}}"#, #""id" is missing"#),
            (#"{"id":"","prompt":"p","task":"t","scores":{"m":1}}"#, "id is empty"),
            (#"{"id":7,"prompt":"p","task":"t","scores":{"m":1}}"#, "id must be a string, not a number"),
            (#"{"id":"a","task":"t","scores":{"m":1}}"#, #""prompt" is missing"#),
            (#"{"id":"a","prompt":null,"task":"t","scores":{"m":1}}"#, "prompt must be a string, not null"),
            (#"{"id":"a","prompt":"p","scores":{"m":1}}"#, #""task" is missing"#),
            (#"{"id":"a","prompt":"p","task":"t"}"#, #""scores" is missing"#),
            (#"{"id":"a","prompt":"p","task":"t","scores":{}}"#, "at least one model"),
            (#"{"id":"a","prompt":"p","task":"t","scores":[1]}"#, "scores must be an object, not an array"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"":1}}"#, "without a name"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":1.01}}"#, "must be from 0 to 1"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":-0.1}}"#, "must be from 0 to 1"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":"1"}}"#, "must be a number, not a string"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":true}}"#, "must be a number, not a boolean"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":NaN}}"#, "a JSON value expected"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":null}}"#, "must be a number, not null"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":1,"m":1}}"#, #"the model "m" twice"#),
            (#"{"id":"a","id":"b","prompt":"p","task":"t","scores":{"m":1}}"#, #""id" appears twice"#),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":1},"costs":{"m":-1}}"#, "0 US dollars or more"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":1},"costs":{"m":1e999}}"#, "0 US dollars or more"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":1},"refined":{"m":[2]}}"#, "must be from 0 to 1"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":1},"refined":{"m":1}}"#, "must be an array"),
            (
                #"{"id":"a","prompt":"p","task":"t","scores":{"m":1},"refined":{"zz":[1]}}"#,
                #""zz", which has no score"#
            ),
            (
                #"{"id":"a","prompt":"p","task":"t","scores":{"m":1},"refined_costs":{"m":[1]}}"#,
                #""m", which has no scores in refined"#
            ),
            (#"{"id":"a","prompt":"p\u0000","task":"t","scores":{"m":1}}"#, "prompt has a character U+0000"),
            (
                #"{"id":"a","prompt":"p","task":"t","scores":{"m":1},"refined":{"m":[1]},"refined_costs":{"m":[]}}"#,
                "equally many rounds"
            ),
            (#"{"id":"a\n","prompt":"p","task":"t","scores":{"m":1}}"#, "control character"),
            (#"{"id":"a","prompt":"\ud800","task":"t","scores":{"m":1}}"#, "half a surrogate pair"),
            (#"{"id":"a","prompt":"\x","task":"t","scores":{"m":1}}"#, "unknown escape"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":01}}"#, "starts with a zero"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":1.}}"#, "a digit expected"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":1}"#, "the line ends"),
            (#"{"id":"a","prompt":"p"#, "the line ends inside prompt"),
            (#"{"id":"a","prompt":"p","task":"t","scores":{"m":1}} x"#, "the end of the line"),
            (#"{"id":"a",}"#, "a key in quotes"), ("foo", "a JSON value expected"), ("[]", "must be an object"),
            ("", "the line ends"), ("{", "the line ends"),
        ])
    func wrong(_ line: String, _ expected: String) throws {
        let found = try #require(reason(Array(line.utf8)))
        #expect(found.contains(expected), "\(found)")
    }

    @Test("that is not UTF-8, or nested without end")
    func hostile() {
        let start = Array(#"{"id":"a","prompt":""#.utf8)
        let end = Array(#"","task":"t","scores":{"m":1}}"#.utf8)
        #expect(reason(start + [0xFF, 0xFE] + end)?.contains("not valid UTF-8") == true)
        #expect(reason(start + [0x5C, 0x6E, 0xC3] + end)?.contains("not valid UTF-8") == true)
        let deep = #"{"id":"a","x":"# + String(repeating: "[", count: 100_000)
        #expect(reason(Array(deep.utf8))?.contains("nested") == true)
        let long = #"{"id":""# + String(repeating: "a", count: 600) + "\"}"
        #expect(reason(Array(long.utf8))?.contains("400 bytes") == true)
    }

    @Test("cut anywhere is refused, and never crashes")
    func everyCut() {
        let line = Array(
            #"{"id": "a", "prompt": "\u00e9\ud83d\ude00é", "task": "t", "scores": {"m": 0.5e-1}, "x": [1, {"y": true}]}"#
                .utf8)
        for count in 0..<line.count { #expect(reason(Array(line[..<count])) != nil) }
        #expect(reason(line) == nil)
    }

    @Test("changed at random never crashes", arguments: [UInt64(1), 2, 3])
    func random(_ seed: UInt64) {
        let line = Array(
            #"{"id":"a","prompt":"\u00e9 p","task":"t","domain":"d","scores":{"m":0.5},"costs":{"m":1},"refined":{"m":[1]}}"#
                .utf8)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let pieces = Array(#"{}[]",:\u0019.eE+-ntf "#.utf8) + [0, 0xFF, 0xC3]
        for _ in 0..<20_000 {
            var changed = line
            for _ in 0...next(4) { changed[next(changed.count)] = pieces[next(pieces.count)] }
            _ = reason(changed)
        }
    }
}
