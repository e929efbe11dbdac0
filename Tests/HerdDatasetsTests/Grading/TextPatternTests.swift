import HerdDatasets
import Testing

@Suite("Patterns")
struct TextPatternTests {
    @Test(
        "are found",
        arguments: [
            ("abc", "xabcx"), ("^abc$", "abc"), ("a.c", "a\u{e9}c"), ("a|b|cd", "xcdx"), ("(ab)+c", "ababc"),
            ("a{2,3}b", "xaab"), ("[^a-c]", "abcd"), (#"\d+\.\d+"#, "pi is 3.14"), ("(?i)straße", "STRAßE"),
            ("(?m)^b$", "a\nb\nc"), ("(?s)a.b", "a\nb"), (#"\bend\b"#, "the end."), (#"(a)\1"#, "aa"), ("a(?=b)", "ab"),
            (#"\w+$"#, "é"), ("x*", ""), (#"^\p{L}+$"#, "日本"),
        ])
    func found(pattern: String, text: String) throws {
        #expect(try TextPattern(pattern).isFound(in: text))
    }

    @Test(
        "are not found",
        arguments: [
            ("abc", "ab c"), ("^abc$", "abcd"), ("a.c", "a\nc"), ("ABC", "abc"), (#"\bend\b"#, "ending"), ("a+", ""),
            ("^b$", "a\nb"), (#"\d"#, "x"), (#"^\w+$"#, "a b"),
        ])
    func notFound(pattern: String, text: String) throws {
        #expect(try !TextPattern(pattern).isFound(in: text))
    }

    @Test(
        "that can't be used are refused with the place",
        arguments: [
            ("", "1 to 4096"), ("(", "at byte 1"), (")", "at byte 0"), ("[a", "at byte 2"), ("*a", "at byte 0"),
            (#"\C"#, "\\C"), (String(repeating: "(", count: 200), "nested"),
            (String(repeating: "a", count: 4_097), "4096"),
        ])
    func refused(pattern: String, reason: String) {
        do throws(GraderError) {
            _ = try TextPattern(pattern)
            Issue.record("\(pattern) was taken")
        } catch {
            #expect(error.reason.contains(reason), "\(error.reason)")
        }
    }

    @Test("that are catastrophic are given up, by name, and score 0", .timeLimit(.minutes(1)))
    func catastrophic() throws {
        let text = String(repeating: "a", count: 30_000)
        for pattern in ["^(a+)+$", "^(a|aa)+$", "(a*)*(a*)*(a*)*c", "^(([a-z])+.)+[A-Z]([a-z])+$"] {
            let grader = try AnswerGrader(GraderSpecification(.regex, pattern: pattern))
            do throws(GraderError) {
                let score = try grader.grade(text + "!", references: [])
                #expect(score == 0, "\(pattern)")
            } catch {
                #expect(error.reason.contains("too long"), "\(error.reason)")
            }
            #expect(grader.score(text + "!", references: []) == 0)
        }
    }

    @Test("of a long text look at its end, from a whole character on")
    func longText() throws {
        let text = "start " + String(repeating: "日", count: 20_000) + " end"
        #expect(try TextPattern("end$").isFound(in: text))
        #expect(try !TextPattern("start").isFound(in: text))
    }
}
