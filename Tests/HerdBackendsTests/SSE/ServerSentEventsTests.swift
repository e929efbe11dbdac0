import Glibc
import HerdBackends
import Testing

@Suite("Server-sent events")
struct ServerSentEventsTests {
    private static func events(
        _ pieces: [[UInt8]], limit: Int = 1 << 20
    ) throws -> (events: [ServerSentEvents.Event], rest: ServerSentEvents.Event?) {
        var parser = ServerSentEvents(limit: limit)
        var events: [ServerSentEvents.Event] = []
        for piece in pieces {
            if let tooLong = piece.withUnsafeBytes({ bytes in parser.feed(bytes) { events.append($0) } }) {
                throw tooLong
            }
        }
        return (events, parser.finish())
    }

    /// Holds for the text however it is cut.
    private static func expect(
        _ text: String, _ expected: [String], rest: String? = nil, errors: [Bool]? = nil,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        for pieces in Cuts.all(of: Array(text.utf8)) {
            let (events, left) = try events(pieces)
            let comment: Comment = "seed \(Cuts.seed), pieces of \(pieces.map(\.count))"
            #expect(
                events.map { String(decoding: $0.data, as: UTF8.self) } == expected, comment, sourceLocation: location)
            #expect(!events.contains { !$0.isWhole }, comment, sourceLocation: location)
            #expect(left.map { String(decoding: $0.data, as: UTF8.self) } == rest, comment, sourceLocation: location)
            if let errors { #expect(events.map(\.isError) == errors, comment, sourceLocation: location) }
        }
    }

    @Test("Lines end with LF, CR LF or CR, and a space behind the colon is left out")
    func lines() throws {
        try Self.expect("data: one\n\ndata:two\r\n\r\ndata:  three\r\rdata\n\n", ["one", "two", " three", ""])
    }

    @Test("Several data lines are one event")
    func multiLine() throws {
        try Self.expect("data: {\ndata:  \"a\": 1\r\ndata: }\n\n", ["{\n \"a\": 1\n}"])
    }

    @Test("Comments, other fields, blank lines and a byte order mark are left out")
    func noise() throws {
        try Self.expect(
            "\u{FEFF}: hello\n\n\n\nid: 1\nretry: 5\nevent: message\ndata: x\n: in between\ndata: y\n\nnonsense\n\n",
            ["x\ny"])
        // Only at the very start.
        try Self.expect("\n\u{FEFF}data: x\n\n", [])
    }

    @Test("Events that are errors, in both ways")
    func errors() throws {
        try Self.expect(
            "event: error\ndata: a\n\ndata: b\n\nerror: c\n\nevent: error\n\ndata: d\n\n", ["a", "b", "c", "d"],
            errors: [true, false, true, false])
    }

    @Test("What is left at the end is told apart from what is whole")
    func endings() throws {
        try Self.expect("data: a\n\ndata: b\n", ["a"], rest: "b")
        try Self.expect("data: a\n\ndata: b", ["a"], rest: "b")
        try Self.expect("data: a\n\ndat", ["a"])
        try Self.expect("", [])
    }

    @Test(
        "A line, and the data of an event, may be as long as the limit and no longer", arguments: [2, 3, 7, 64, 1000])
    func limits(_ piece: Int) throws {
        func pieces(_ text: String) -> [[UInt8]] {
            let bytes = Array(text.utf8)
            return stride(from: 0, to: bytes.count, by: piece).map { Array(bytes[$0..<min($0 + piece, bytes.count)]) }
        }
        let line = "data:" + String(repeating: "x", count: 95)
        #expect(try Self.events(pieces(line + "\n\n"), limit: 100).events.count == 1)
        #expect(throws: ServerSentEvents.TooLong(limit: 100)) { try Self.events(pieces(line + "x\n\n"), limit: 100) }
        // Before its end has come.
        #expect(throws: ServerSentEvents.TooLong(limit: 100)) { try Self.events(pieces(line + "x"), limit: 100) }
        #expect(throws: ServerSentEvents.TooLong(limit: 100)) {
            try Self.events(pieces(line + "\n" + line + "\n"), limit: 100)
        }
    }

    @Test("The time grows with the length and not with its square")
    func linear() throws {
        func seconds(_ count: Int) throws -> Double {
            let line = Array(("data:" + String(repeating: "x", count: count) + "\n\n").utf8)
            let pieces = line.map { [$0] }
            // Of the processor: others use it, too.
            let started = clock()
            let count = try Self.events(pieces, limit: .max).events.count
            let ended = clock()
            #expect(count == 1)
            return Double(ended - started) / 1e6
        }
        let few = try (0..<3).map { _ in try seconds(10_000) }.min()!
        let many = try (0..<3).map { _ in try seconds(80_000) }.min()!
        // Eight times as long; its square would be 64.
        #expect(many < few * 24, "\(few) s and \(many) s")
    }
}
