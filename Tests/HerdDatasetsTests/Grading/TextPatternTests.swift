import HerdDatasets
import Testing

@Suite("Patterns")
struct TextPatternTests {
    @Test(
        "are found",
        arguments: [
            ("abc", "xabcx"), ("^abc$", "abc"), ("a.c", "a\u{e9}c"), ("a|b|cd", "xcdx"), ("(ab)+c", "ababc"),
            ("a{2,3}b", "xaab"), ("a{2}", "baab"), ("a{0,}b", "b"), ("[^a-c]", "abcd"), ("[]a]", "]"), ("[a-]", "-"),
            (#"\d+\.\d+"#, "pi is 3.14"), (#"[\d.]+$"#, "v 1.2"), (#"\$\{x\}"#, "${x}"), ("(?i)straße", "STRAßE"),
            ("(?m)^b$", "a\nb\nc"), ("(?s)a.b", "a\nb"), (#"\x41\u00e9\x{1F600}"#, "A\u{e9}\u{1F600}"), ("x*", ""),
            ("(a*)*b", "aaab"), ("(?:a|b)*?c", "abc"), ("(?<year>\\d{4})", "in 1999"), (#"\bend\b"#, "the end."),
            (#"a\Bb"#, "ab"), ("a{,2}", "a{,2}"), ("{", "{"), ("(?im)^B", "a\nb"), (#"[\W]"#, "a-"), ("a||b", ""),
            (#"\S\s\w"#, "x y"), (#"\Aab\z"#, "ab"), ("(|a)b", "b"), ("[^\\d]x", "1x ax"),
        ])
    func found(pattern: String, text: String) throws {
        #expect(try TextPattern(pattern).isFound(in: text))
    }

    @Test(
        "are not found",
        arguments: [
            ("abc", "ab c"), ("^abc$", "abcd"), ("a.c", "a\nc"), ("a{2,3}b", "ab"), ("[^a-c]", "abc"), ("ABC", "abc"),
            (#"\bend\b"#, "ending"), ("^b$", "a\nb"), (#"\d"#, "x"), ("a+", ""), ("[]a]", "b"), (#"^\w+$"#, "a b"),
        ])
    func notFound(pattern: String, text: String) throws {
        #expect(try !TextPattern(pattern).isFound(in: text))
    }

    @Test(
        "that can't be used are refused",
        arguments: [
            ("", "1 to 4096"), ("(", "without its )"), (")", "without its ("), ("[a", "without its ]"),
            ("*a", "nothing before"), (#"(a)\1"#, "back-reference"), ("(?=a)", "look-around"),
            ("(?<!a)", "look-around"),
            ("a++", "possessive"), ("[z-a]", "backwards"), (#"\q"#, "does not know"), (#"\x4"#, "hexadecimal"),
            ("a{3,2}", "m over n"), ("((a{100}){100}){100}", "too long"), (#"\"#, "single"), ("^*", "anchor"),
            ("[[:alpha:]]", "POSIX"), (String(repeating: "(", count: 100), "nested"), ("a{2000}", "over 1000"),
        ])
    func refused(pattern: String, reason: String) {
        do throws(GraderError) {
            _ = try TextPattern(pattern)
            Issue.record("\(pattern) was taken")
        } catch {
            #expect(error.reason.contains(reason), "\(error.reason)")
        }
    }

    /// What would take a backtracking matcher 2^60 steps.
    @Test("that are catastrophic elsewhere are done at once", .timeLimit(.minutes(1)))
    func catastrophic() throws {
        let text = String(repeating: "a", count: 2_000)
        for pattern in ["^(a+)+$", "^(a|aa)+$", "^(a|a)*b$", "(a*)*(a*)*(a*)*c", "^(([a-z])+.)+[A-Z]([a-z])+$"] {
            #expect(try TextPattern(pattern).isFound(in: text + "!") == false, "\(pattern)")
        }
    }

    @Test("agree with trying every way on random patterns and texts")
    func againstEveryWay() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(seed)
        for _ in 0..<1_000 {
            let (written, matcher) = RandomPattern.make(depth: 3, using: &random)
            let text = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                ["a", "b"].randomElement(using: &random) ?? "a"
            }
            let expected =
                text.indices.contains { !matcher.ends(text, from: $0).isEmpty }
                || !matcher.ends(text, from: text.count).isEmpty
            let found = try TextPattern(written).isFound(in: text.joined())
            #expect(found == expected, "seed \(seed): /\(written)/ in '\(text.joined())'")
        }
    }
}

/// A pattern that is matched by trying every way.
private indirect enum RandomPattern {
    case letter(String)
    case both(RandomPattern, RandomPattern)
    case either(RandomPattern, RandomPattern)
    case many(RandomPattern)
    case maybe(RandomPattern)
    case start
    case end

    static func make(depth: Int, using random: inout SplitMix) -> (String, RandomPattern) {
        guard depth > 0 else {
            let letter = ["a", "b"].randomElement(using: &random) ?? "a"
            return (letter, .letter(letter))
        }
        let (first, one) = make(depth: depth - 1, using: &random)
        let (second, two) = make(depth: depth - 1, using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1: return ("(?:\(first))(\(second))", .both(one, two))
        case 2, 3: return ("(\(first)|\(second))", .either(one, two))
        case 4: return ("(\(first))*", .many(one))
        case 5: return ("(\(first))?", .maybe(one))
        case 6: return ("^\(first)", .both(.start, one))
        default: return ("(?:\(first))$", .both(one, .end))
        }
    }

    /// Where a match that begins at `place` may end.
    func ends(_ text: [String], from place: Int) -> Set<Int> {
        switch self {
        case .letter(let letter): return place < text.count && text[place] == letter ? [place + 1] : []
        case .both(let one, let two):
            return one.ends(text, from: place).reduce(into: []) { $0.formUnion(two.ends(text, from: $1)) }
        case .either(let one, let two): return one.ends(text, from: place).union(two.ends(text, from: place))
        case .many(let one):
            var found: Set<Int> = [place]
            var open = [place]
            while let next = open.popLast() {
                for end in one.ends(text, from: next) where found.insert(end).inserted { open.append(end) }
            }
            return found
        case .maybe(let one): return one.ends(text, from: place).union([place])
        case .start: return place == 0 ? [place] : []
        case .end: return place == text.count ? [place] : []
        }
    }
}
