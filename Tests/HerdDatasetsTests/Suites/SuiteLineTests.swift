import HerdDatasets
import Testing

@Suite("One line of a suite file")
struct SuiteLineTests {
    private func parser(_ kind: GraderSpecification.Kind = .exact) throws -> SuiteLineParser {
        SuiteLineParser(grader: try AnswerGrader(GraderSpecification(kind)))
    }

    @Test("as the demonstration writes it")
    func demonstration() throws {
        let line = #"{"id":"upper-1","prompt":"upper: abc","task":"upper","reference":"ABC","grader":"exact"}"#
        #expect(
            try parser().parse(Array(line.utf8), line: 1)
                == SuiteQuestion(
                    id: "upper-1", prompt: "upper: abc", task: "upper", references: ["ABC"],
                    grader: GraderSpecification(.exact)))
    }

    @Test(
        "with its references however they are named",
        arguments: [
            (#""reference":"x""#, ["x"]), (#""answer":"x""#, ["x"]), (#""references":["x","y"]"#, ["x", "y"]),
            (#""reference":42"#, ["42"]), (#""references":[-1.50,"x"],"answer":"z""#, ["-1.50", "x", "z"]),
            (#""reference":"x","other":{"a":[null]}"#, ["x"]),
        ])
    func references(fields: String, expected: [String]) throws {
        let line = #"{"id":"a","prompt":"p","task":"t",\#(fields)}"#
        #expect(try parser().parse(Array(line.utf8), line: 1).references == expected)
    }

    @Test("with a grader in full")
    func fullGrader() throws {
        let line = #"""
            {"id":"a","prompt":"p","task":"t","domain":"d",
             "grader":{"kind":"regex","pattern":"^4\\d$"}}
            """#
        let question = try parser().parse(Array(line.utf8), line: 1)
        #expect(question.grader == GraderSpecification(.regex, pattern: #"^4\d$"#) && question.domain == "d")
    }

    @Test(
        "that is wrong is refused with the reason",
        arguments: [
            (#"{"prompt":"p","task":"t","reference":"r"}"#, #""id" is missing"#),
            (#"{"id":"a","task":"t","reference":"r"}"#, #""prompt" is missing"#),
            (#"{"id":"a","prompt":" ","task":"t","reference":"r"}"#, "prompt is empty"),
            (#"{"id":"a","prompt":"p","reference":"r"}"#, #""task" is missing"#),
            (#"{"id":"a","prompt":"p","task":"t"}"#, "exact needs a reference"),
            (#"{"id":"a","prompt":"p","task":"t","reference":true}"#, "must be a string"),
            (#"{"id":"a","prompt":"p","task":"t","reference":"r","grader":"fuzzy"}"#, #"no grader "fuzzy""#),
            (#"{"id":"a","prompt":"p","task":"t","grader":{"kind":"regex","pattern":"("}}"#, "can't be used"),
            (#"{"id":"a","prompt":"p","task":"t","reference":"r","grader":{"kind":"judge"}}"#, "judge_model"),
            (#"{"id":"a","prompt":"p","task":"t","reference":"r","grader":{"kinds":"f1"}}"#, "grader takes"),
            (#"{"id":"a","id":"b","prompt":"p","task":"t","reference":"r"}"#, "twice"),
            (#"{"id":"a","prompt":"p\u0000q","task":"t","reference":"r"}"#, "prompt has a character U+0000"),
            (#"{"id":"a","prompt":"p","task":"t","references":["r\u0000"]}"#, "a reference has a character U+0000"),
            (#"{"id":"a\u0007","prompt":"p","task":"t","reference":"r"}"#, "control character"),
            (#"{"id":"a","prompt":"p","task":"t","reference":"r"} x"#, "the end of the line"),
            (
                #"{"id":"a","prompt":"A. x\nB. y","task":"t","reference":"E","grader":"choice"}"#,
                "none of the options"
            ),
            (#"[]"#, "must be an object"), ("", "JSON value"), (#"{"id":"a""#, "ends where"),
        ])
    func refused(line: String, reason: String) throws {
        let parser = try parser()
        do throws(EvaluationProblem) {
            _ = try parser.parse(Array(line.utf8), line: 3)
            Issue.record("it was taken")
        } catch {
            #expect(error.line == 3 && error.reason.contains(reason), "\(error)")
        }
    }

    @Test("of any bytes gives a question or a problem", arguments: [UInt64.random(in: 0...UInt64.max)])
    func anyBytes(seed: UInt64) throws {
        var random = SplitMix(seed)
        let parser = try parser(.choice)
        let whole = Array(#"{"id":"a","prompt":"p","task":"t","references":["r",1],"grader":{"kind":"regex"}}"#.utf8)
        for _ in 0..<5_000 {
            var line = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<line.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: line[place] = UInt8.random(in: 0...255, using: &random)
                case 1: line.remove(at: place)
                default: line.insert(UInt8.random(in: 32...126, using: &random), at: place)
                }
            }
            _ = try? parser.parse(line, line: 1)
        }
    }

    @Test("and a whole file, compressed or not, with the lines that are wrong named")
    func wholeFile() throws {
        let good = #"{"id":"a","prompt":"p","task":"t","reference":"r"}"#
        let file = try TemporaryFile(good + "\n\n{}\n" + good + "\n")
        var reader = try SuiteReader(path: file.path, grader: try AnswerGrader(GraderSpecification(.exact)))
        var found: [String] = []
        while let element = try reader.next() {
            switch element {
            case .question(let question, let line): found.append("\(line) \(question.id)")
            case .problem(let problem): found.append(problem.description)
            }
        }
        #expect(found.count == 3 && found[0] == "1 a" && found[1].hasPrefix("line 3: "))
        #expect(found[2] == #"line 4: the id "a" is that of line 1 already"#)
    }
}
