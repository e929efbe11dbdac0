import HerdMessages
import RandomMessages
import Testing

/// Builds hostile bytes field by field.
private struct Wire {
    var bytes: [UInt8] = []

    func tag(_ number: UInt64, _ wireType: UInt64) -> Wire { varint(number << 3 | wireType) }

    func varint(_ value: UInt64) -> Wire {
        var result = self
        RandomWire.append(varint: value, to: &result.bytes)
        return result
    }

    func raw(_ more: [UInt8]) -> Wire { Wire(bytes: bytes + more) }

    func field(_ number: UInt64, _ content: [UInt8]) -> Wire {
        tag(number, 2).varint(UInt64(content.count)).raw(content)
    }

    func field(_ number: UInt64, _ content: Wire) -> Wire { field(number, content.bytes) }
}

private func failure<M: Message>(_ type: M.Type, _ wire: Wire) -> MessageError? {
    do {
        _ = try M(packed: wire.bytes)
        return nil
    } catch {
        return error
    }
}

@Suite("What is refused before unpacking")
struct ScanTests {
    @Test("Messages may be nested 32 deep, in fields, lists and maps")
    func depth() throws {
        // A map takes two levels, its entry being a message.
        let ways: [(levels: Int, wrap: (Wire) -> Wire)] = [
            (1, { Wire().field(2, $0) }), (1, { Wire().field(3, $0) }), (1, { Wire().field(5, $0) }),
            (2, { Wire().field(4, Wire().field(1, Array("k".utf8)).field(2, $0)) }),
        ]
        for way in ways {
            var wire = Wire()
            for _ in 0..<(31 / way.levels) {
                wire = way.wrap(wire)
            }
            #expect(failure(Tree.self, wire) == nil)
            #expect(failure(Tree.self, way.wrap(wire))?.code == .tooDeep)
            #expect(try Tree(packed: Tree(packed: wire.bytes).pack()) == Tree(packed: wire.bytes))
        }
        var deep = Wire()
        for _ in 0..<20_000 {
            deep = Wire().field(2, deep)
        }
        let error = failure(Tree.self, deep)
        #expect(error?.code == .tooDeep)
        #expect(error?.field == Array(repeating: "left", count: 32).joined(separator: "."))
    }

    @Test("Errors name the field from the message down")
    func fieldNames() {
        let part = Wire().field(1, [0x61, 0xFF])
        let error = failure(RouteRequest.self, Wire().field(2, Wire().field(2, part)))
        #expect(error?.code == .notUTF8)
        #expect(error?.field == "messages.content.text")
        #expect(error?.offset == 7)
        let start = "herd.v1.RouteRequest.messages.content.text is not acceptable at byte 7: a text is no valid UTF-8"
        #expect(error?.description.hasPrefix(start) == true)
        #expect(failure(RouteRequest.self, Wire().field(1, [0x61, 0, 0x62]))?.code == .containsNUL)
        #expect(failure(Evaluation.self, Wire().field(5, Wire().field(1, [0xC0, 0x80])))?.field == "scores.key")
    }

    @Test("Malformed bytes are refused")
    func malformed() {
        let cases: [(String, Wire)] = [
            ("field number 0", Wire().varint(0)),
            ("tag cut off", Wire().raw([0x80])),
            ("tag over 32 bits", Wire().raw([0x80, 0x80, 0x80, 0x80, 0x10])),
            ("tag of six bytes", Wire().raw([0x88, 0x80, 0x80, 0x80, 0x80, 0x00])),
            ("start of a group", Wire().tag(1, 3)),
            ("unknown group", Wire().tag(99, 3).tag(99, 4)),
            ("end of a group", Wire().tag(1, 4)),
            ("wire type 6", Wire().tag(99, 6)), ("wire type 7", Wire().tag(99, 7)),
            ("varint cut off", Wire().tag(3, 0).raw([0xFF])),
            ("varint of eleven bytes", Wire().tag(3, 0).raw(Array(repeating: 0x80, count: 10) + [0])),
            ("fixed64 cut off", Wire().tag(1, 1).raw([1, 2, 3, 4, 5, 6, 7])),
            ("fixed32 cut off", Wire().tag(2, 5).raw([1, 2, 3])),
            ("length past the end", Wire().tag(14, 2).varint(5).raw([0x61])),
            ("length of 4 GiB", Wire().tag(15, 2).varint(0xFFFF_FFFF)),
            ("length of six bytes", Wire().tag(15, 2).raw([0x80, 0x80, 0x80, 0x80, 0x80, 0])),
            ("text as a number", Wire().tag(14, 0).varint(1)),
            ("number as text", Wire().field(3, [1])),
            ("bool as a double", Wire().tag(13, 1).raw(Array(repeating: 0, count: 8))),
        ]
        for (name, wire) in cases {
            #expect(failure(Scalars.self, wire)?.code == .malformed, "\(name)")
        }
    }

    @Test("Malformed packed lists are refused")
    func malformedLists() {
        #expect(failure(Lists.self, Wire().field(1, [0, 0, 0, 0, 0, 0, 0]))?.code == .malformed)
        #expect(failure(Lists.self, Wire().field(2, [0, 0, 0]))?.code == .malformed)
        #expect(failure(Lists.self, Wire().field(3, [0x80]))?.code == .malformed)
        #expect(failure(Lists.self, Wire().field(4, Array(repeating: 0xFF, count: 11)))?.code == .malformed)
        #expect(failure(Lists.self, Wire().field(13, [2]))?.code == .malformed)
        #expect(failure(Lists.self, Wire().field(3, [])) == nil)
    }

    @Test("Lists are read packed and not, whatever is declared")
    func packedOrNot() throws {
        let mixed = Wire().tag(3, 0).varint(1).field(3, [2, 3]).tag(3, 0).varint(4).bytes
        #expect(try Lists(packed: mixed).int32s == [1, 2, 3, 4])
        #expect(try UnpackedLists(packed: mixed).int32s == [1, 2, 3, 4])
        let bools = Wire().field(7, [1, 0]).tag(7, 0).varint(1).bytes
        #expect(try UnpackedLists(packed: bools).bools == [true, false, true])
    }

    @Test("A singular message may not occur twice, other fields may: the last one holds")
    func repeatedSingularFields() throws {
        let twice = failure(Tree.self, Wire().field(2, []).field(2, []))
        #expect(twice?.code == .malformed)
        #expect(twice?.field == "left")
        #expect(failure(Tree.self, Wire().field(5, []).field(6, [0x61]).field(5, []))?.code == .malformed)
        #expect(try Tree(packed: Wire().tag(1, 0).varint(1).tag(1, 0).varint(2).bytes).value == 2)
        #expect(try Tree(packed: Wire().field(5, []).field(6, [0x61]).bytes).either == .leaf("a"))
        let number = Wire().field(15, [1, 2, 3]).tag(3, 0).varint(7)
        #expect(try Choices(packed: number.bytes).choice == .anInt32(7))
        #expect(try Choices(packed: number.field(15, [9]).bytes).choice == .aBytes([9]))
        #expect(try Choices(packed: number.field(17, []).field(14, []).bytes).choice == .aString(""))
    }

    @Test("Fields that are not known are skipped")
    func unknownFields() throws {
        let wire = Wire().tag(100, 0).varint(.max).field(101, [0, 0xFF]).tag(102, 1).raw(Array(repeating: 1, count: 8))
            .tag(103, 5).raw([1, 2, 3, 4]).tag(536_870_911, 0).varint(0).field(1, Array("x".utf8))
        #expect(try GetModelRequest(packed: wire.bytes) == GetModelRequest(name: "x"))
    }

    @Test("What decodes to far more than was sent is refused")
    func expansion() {
        let empty = Wire().field(17, []).bytes
        var bomb: [UInt8] = []
        for _ in 0..<(1 << 18) {
            bomb += empty
        }
        let error = failure(Lists.self, Wire(bytes: bomb))
        #expect(error?.code == .tooLarge)
        #expect((error?.offset ?? .max) < bomb.count / 4)
        let unknown = Wire().tag(100, 0).varint(0).bytes
        #expect(
            failure(Empty.self, Wire(bytes: Array(repeating: unknown, count: 100_000).flatMap(\.self)))?.code
                == .tooLarge)
    }

    @Test("Messages of many elements are refused, packed numbers are not")
    func counts() throws {
        let number = Wire().tag(3, 0).varint(1).bytes
        let most = Array(repeating: number, count: 262_144).flatMap(\.self)
        #expect(try UnpackedLists(packed: most).int32s.count == 262_144)
        #expect(failure(UnpackedLists.self, Wire(bytes: most + number))?.code == .tooLarge)
        let packed = Wire().field(3, [UInt8](repeating: 1, count: 4 << 20))
        #expect(try Lists(packed: packed.bytes).int32s.count == 4 << 20)
        // The fields around a message are open while it is read, and count.
        let half = Array(repeating: number, count: 140_000).flatMap(\.self)
        let nested = Wire().field(3, half).bytes
        #expect(try Everything(packed: nested).unpackedLists?.int32s.count == 140_000)
        let outside = Array(repeating: Wire().tag(100, 0).varint(0).bytes, count: 140_000).flatMap(\.self)
        #expect(failure(Everything.self, Wire(bytes: nested + outside))?.code == .tooLarge)
    }

    @Test("Large texts and blobs of 4 MiB are taken")
    func largeValues() throws {
        let text = String(repeating: "é🐑x", count: 600_000)
        #expect(try Scalars(packed: Scalars(aString: text).pack()).aString == text)
        let blob = [UInt8](repeating: 0xFF, count: 4 << 20)
        #expect(try Scalars(packed: Scalars(aBytes: blob).pack()).aBytes == blob)
    }

    @Test("Text is taken exactly if it is valid UTF-8 without U+0000")
    func texts() {
        let interesting: [[UInt8]] = [
            [0x7F], [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2, 0x80], [0xDF, 0xBF], [0xE0, 0x9F, 0xBF],
            [0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xEE, 0x80, 0x80],
            [0xEF, 0xBF, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0x00], [0xE2, 0x82], [0xC3],
            [0xF0, 0x9F, 0x90], Array("abcdefgh".utf8), Array("é".utf8), Array("🐑".utf8),
        ]
        var random = SplitMix(seed: 99)
        for _ in 0..<100_000 {
            var text: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<6, using: &random) {
                text += interesting.randomElement(using: &random) ?? []
                if Int.random(in: 0..<12, using: &random) == 0 {
                    text.append(UInt8.random(in: 0...255, using: &random))
                }
            }
            let error = failure(GetModelRequest.self, Wire().field(1, text))
            let valid = String(validating: text, as: UTF8.self)
            if (error == nil) != (valid != nil && !text.contains(0)) {
                Issue.record("\(text): \(String(describing: error))")
            }
        }
    }
}
