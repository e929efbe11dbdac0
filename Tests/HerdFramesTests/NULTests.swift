import HerdFrames
import Testing

/// A U+0000 in a text would end it at a peer that keeps texts as C strings.
@Suite struct NULTests {
    @Test(arguments: [
        ("\0", "\u{fffd}"), ("a\0b", "a\u{fffd}b"), ("\0\0", "\u{fffd}\u{fffd}"), ("plain", "plain"), ("", ""),
        ("eight..\0", "eight..\u{fffd}"), ("0123456789\0é", "0123456789\u{fffd}é"),
    ])
    func `it becomes U+FFFD on output, in every text`(text: String, expected: String) throws {
        let before = FrameStatistics.textsWithNUL
        let frame = Frame(.end, call: 1, method: text, message: text, metadata: ["k\(text)": text])
        let read = try Frame(packed: Array(frame.wireBytes().dropFirst(4)))
        #expect(read.method == expected)
        #expect(read.message == expected)
        #expect(read.metadata == ["k\(expected)": expected])
        if text != expected { #expect(FrameStatistics.textsWithNUL >= before + 4) }
    }

    @Test func `bytes keep theirs`() throws {
        let frame = Frame(.message, call: 1, payload: [0, 1, 0])
        #expect(try Frame(packed: Array(frame.wireBytes().dropFirst(4))) == frame)
    }
}
