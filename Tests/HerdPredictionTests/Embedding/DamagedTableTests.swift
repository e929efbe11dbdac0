import Foundation
import HerdPrediction
import Testing

@Suite("A damaged table is refused with a reason and a remedy")
struct DamagedTableTests {
    let whole: [UInt8]
    let folder: URL

    init() throws {
        whole = try Array(Data(contentsOf: URL(filePath: GoldenFiles.tablePath)))
        folder = FileManager.default.temporaryDirectory.appending(path: "herd-table-\(UUID().uuidString)")
    }

    /// What mapping a file with these bytes says.
    private func error(_ bytes: some Collection<UInt8>) throws -> EmbeddingTableError? {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "some.table")
        try Data(bytes).write(to: file)
        do throws(EmbeddingTableError) {
            _ = try EmbeddingTable(mapping: file.path)
            return nil
        } catch {
            #expect(error.path == file.path)
            #expect(error.description.contains(file.path) && error.description.contains("; "))
            return error
        }
    }

    /// The bytes with the checksum that belongs to them, so that the checks behind it are reached.
    private func sealed(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        var crc = CRC64()
        bytes[..<40].withUnsafeBytes { crc.update($0) }
        bytes[48...].withUnsafeBytes { crc.update($0) }
        withUnsafeBytes(of: crc.value.littleEndian) { bytes.replaceSubrange(40..<48, with: $0) }
        return bytes
    }

    private func number(_ offset: Int) -> Int {
        whole[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private func replacing<Value: FixedWidthInteger>(_ offset: Int, with value: Value) -> [UInt8] {
        var bytes = whole
        withUnsafeBytes(of: value.littleEndian) {
            bytes.replaceSubrange(offset..<offset + MemoryLayout<Value>.size, with: $0)
        }
        return bytes
    }

    @Test("The checked-in table is whole")
    func intact() throws {
        #expect(try error(whole) == nil)
        #expect(try error(sealed(whole)) == nil)
        let table = try GoldenFiles.embedder.get().table
        #expect(table.tokenCount == 30_522)
        let provenance = GoldenFiles.root.appending(path: "Resources/embedding/PROVENANCE.md")
        #expect(try String(contentsOf: provenance, encoding: .utf8).contains("`\(table.checksum)`"))
    }

    @Test("Each byte of the header flipped")
    func headerBytes() throws {
        for offset in 0..<176 {
            var bytes = whole
            bytes[offset] ^= 0x41
            let reason = try error(bytes)?.reason
            switch offset {
            case 0..<8: #expect(reason == .notATable)
            case 8..<16: #expect(reason == .unsupportedFormat)
            default: #expect(reason == .damaged, "\(offset)")
            }
        }
    }

    @Test("A bit flipped anywhere")
    func contentBits() throws {
        var random = SplitMix64(state: 9)
        print("flipped bits: seed 9")
        for _ in 0..<20 {
            var bytes = whole
            let offset = 176 + Int(random.below(UInt32(whole.count - 176)))
            bytes[offset] ^= 1 << random.below(8)
            let error = try error(bytes)
            #expect(error?.reason == .damaged, "\(offset)")
            #expect(error?.description.contains("build_table.py") == true)
        }
    }

    @Test("Truncated, extended, empty", arguments: [0, 1, 7, 8, 175, 176, 4096, 1_000_000, -1, -64])
    func lengths(length: Int) throws {
        let end = length < 0 ? whole.count + length : length
        let reason = try error(whole[..<end])?.reason
        #expect(reason == (end == 0 ? .unreadable : end < 176 ? .notATable : .damaged))
        #expect(try error(whole + [0])?.reason == .damaged)
    }

    @Test("Header fields out of range behind a right checksum")
    func headerFields() throws {
        for value: UInt32 in [0, 1, 30_521, 30_523, 1 << 24, .max] {
            #expect(try error(sealed(replacing(16, with: value)))?.reason == .damaged, "tokens \(value)")
        }
        for value: UInt32 in [0, 1001, .max] {
            #expect(try error(sealed(replacing(20, with: value)))?.reason == .damaged, "longest word \(value)")
        }
        for value: UInt32 in [30_522, .max] {
            #expect(try error(sealed(replacing(24, with: value)))?.reason == .damaged, "unknown token \(value)")
        }
        for section in 0..<8 {
            let entry = 48 + 16 * section
            for value: UInt64 in [0, 64, UInt64(number(entry)) + 1, UInt64(whole.count), 1 << 63, .max - 63] {
                #expect(try error(sealed(replacing(entry, with: value)))?.reason == .damaged, "\(section) at \(value)")
            }
            for value: UInt64 in [1, UInt64(number(entry + 8)) - 1, UInt64(whole.count), 1 << 63, .max] {
                #expect(
                    try error(sealed(replacing(entry + 8, with: value)))?.reason == .damaged, "\(section): \(value)")
            }
        }
    }

    @Test("Contents that contradict each other behind a right checksum")
    func contents() throws {
        func start(_ section: Int) -> Int { number(48 + 16 * section) }
        let damages: [(String, [UInt8])] = [
            ("token start", replacing(start(0) + 400, with: UInt32.max)),
            ("empty token", replacing(start(0) + 4, with: UInt32(0))),
            ("last token's end", replacing(start(0) + 4 * 30_522, with: UInt32.max)),
            ("NUL in a token", replacing(start(1) + 100, with: UInt8(0))),
            ("special token", replacing(start(2), with: UInt32(30_522))),
            ("class block", replacing(start(3) + 2, with: UInt16.max)),
            ("kind of an entry", replacing(start(4) + 4, with: UInt32(7))),
            ("list past the elements", replacing(start(4) + 4, with: UInt32(0xFFFF_FF0C))),
            ("empty list", replacing(start(4) + 4, with: UInt32(4))),
            ("surrogate", replacing(start(4) + 4, with: UInt32(0xD800 << 8 | 5))),
            ("past the last code point", replacing(start(4) + 4, with: UInt32(0x11_0000 << 8 | 6))),
            ("surrogate element", replacing(start(5), with: UInt32(0xD800 << 10))),
            ("mark that is no part of a word", replacing(start(5), with: UInt32(0x41 << 10 | 1 << 2 | 1))),
            ("scale that is no number", replacing(start(6), with: Float.nan.bitPattern)),
        ]
        for (name, bytes) in damages { #expect(try error(sealed(bytes))?.reason == .damaged, "\(name)") }
        // Two tokens made equal: "a" and "b" have ids 1037 and 1038.
        let letter = start(1) + Int(whole[start(0) + 4 * 1038]) + Int(whole[start(0) + 4 * 1038 + 1]) << 8
        #expect(whole[letter] == UInt8(ascii: "b"))
        #expect(try error(sealed(replacing(letter, with: UInt8(ascii: "a"))))?.detail.contains("twice") == true)
    }

    @Test("No file, a folder, a path with a NUL", arguments: ["/nonexistent/x.table", "/", "", "/tmp\0x"])
    func unreadable(path: String) {
        #expect {
            _ = try EmbeddingTable(mapping: path)
        } throws: { error in
            let error = error as? EmbeddingTableError
            return error?.reason == .unreadable && error?.description.contains("HERD_RESOURCES") == true
        }
    }
}
