import HerdDatasets
import Testing

@Suite("Evaluation files")
struct EvaluationReaderTests {
    private func line(_ id: String) -> String { #"{"id":"\#(id)","prompt":"p","task":"t","scores":{"m":1}}"# }

    @Test("name the line of each bad row and go on")
    func problems() throws {
        let file = try TemporaryFile(
            "\u{FEFF}" + line("a") + "\r\n\n  \n" + "nonsense\n" + line("b") + "\n" + line("a") + "\n" + line("c"))
        let strict = try EvaluationFile(path: file.path)
        #expect(strict.rows.map(\.id) == ["a", "b", "c"])
        #expect(strict.problems.map(\.line) == [4, 6])
        #expect(strict.problems.map(\.kind) == [.malformed, .duplicateID])
        #expect(strict.problems[1].reason.contains("line 1"))
        let lenient = try EvaluationFile(path: file.path, duplicates: .keep)
        #expect(lenient.rows.map(\.id) == ["a", "b", "a", "c"] && lenient.repeatedIDs == 1)
        #expect(EvaluationFile.models(of: lenient.rows) == ["m"])
    }

    @Test("with an endless line are read in bounded memory")
    func longLines() throws {
        let file = try TemporaryFile(
            line("a") + "\n" + String(repeating: "x", count: 300_000) + "\n" + line("b") + "\n"
                + String(repeating: "y", count: 300_000))
        let read = try EvaluationFile(path: file.path, maximumLineBytes: 1000)
        #expect(read.rows.map(\.id) == ["a", "b"])
        #expect(read.problems.map(\.line) == [2, 4])
        #expect(read.problems[0].reason.contains("1000 bytes"))
    }

    @Test("may be compressed; what is left of a damaged one is not taken for the whole")
    func gzip() throws {
        // printf of two lines, gzip -9n.
        let compressed: [UInt8] = [
            0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
        ]
        let deflated = stored(Array((line("a") + "\n" + line("b") + "\n").utf8))
        let whole = try TemporaryFile(compressed + deflated)
        #expect(try EvaluationFile(path: whole.path).rows.map(\.id) == ["a", "b"])
        for count in [compressed.count + 3, compressed.count + 40, compressed.count + deflated.count - 1] {
            let cut = try TemporaryFile(Array((compressed + deflated)[..<count]))
            let error = #expect(throws: DatasetError.self) { try EvaluationFile(path: cut.path) }
            #expect(error?.code == .unreadable)
        }
        var flipped = compressed + deflated
        flipped[compressed.count + 20] ^= 1
        let damaged = try TemporaryFile(flipped)
        #expect(throws: DatasetError.self) { try EvaluationFile(path: damaged.path) }
    }

    /// One stored deflate block and the gzip trailer (RFC 1951, 1952).
    private func stored(_ bytes: [UInt8]) -> [UInt8] {
        let count = UInt16(bytes.count)
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        func little(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        let header = [1, UInt8(count & 255), UInt8(count >> 8), UInt8(~count & 255), UInt8(~count >> 8)]
        return header + bytes + little(~crc) + little(UInt32(bytes.count))
    }

    @Test("that are not there, or are folders")
    func missing() throws {
        for path in ["/nonexistent/file.jsonl", "", "a\0b"] {
            let error = #expect(throws: DatasetError.self) { try EvaluationFile(path: path) }
            #expect(error?.code == .missing)
        }
        let folder = #expect(throws: DatasetError.self) { try EvaluationFile(path: "/tmp") }
        #expect(folder?.code == .unreadable)
        let empty = try TemporaryFile("")
        #expect(try EvaluationFile(path: empty.path).rows.isEmpty)
    }
}
