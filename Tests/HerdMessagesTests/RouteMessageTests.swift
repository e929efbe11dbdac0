import HerdMessages
import Testing

@Suite("Packing and unpacking")
struct RouteMessageTests {
    static let request = RouteRequest(
        messages: [
            ChatMessage(role: "user", content: [ContentPart(part: .text("Where is Æthelstan's tomb? 🐑"))]),
            ChatMessage(role: "assistant", content: [ContentPart(part: .imageUrl(""))]),
        ],
        policy: "default", goals: Goals(goals: [Goal(name: "cost", lambda: 0.5)]), explain: true)

    @Test("A request comes back as it was sent")
    func request() throws {
        let packed = Self.request.pack()
        #expect(packed.count == Self.request.packedSize)
        #expect(try RouteRequest(packed: packed) == Self.request)
    }

    @Test("Packed bytes are those of the protobuf specification")
    func golden() throws {
        let goal = Goal(name: "cost", lambda: 1)
        #expect(goal.pack() == [0x0A, 4, 0x63, 0x6F, 0x73, 0x74, 0x11, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F])
        #expect(HealthResponse(state: .degraded).pack() == [0x08, 2])
        #expect(RouteRequest().pack() == [])
    }

    @Test("Maps pack in the order of their keys")
    func maps() throws {
        let names = (0..<50).map { "model \($0 * 37 % 50)" }
        let forwards = Evaluation(scores: Dictionary(uniqueKeysWithValues: names.map { ($0, 0.5) }))
        let backwards = Evaluation(scores: Dictionary(uniqueKeysWithValues: names.reversed().map { ($0, 0.5) }))
        #expect(forwards.pack() == backwards.pack())
        #expect(try Evaluation(packed: forwards.pack()) == forwards)
    }

    @Test("Writing needs room for the whole message")
    func room() {
        let prepared = Self.request.prepared()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: prepared.size, alignment: 1)
        defer { buffer.deallocate() }
        #expect(prepared.write(to: UnsafeMutableRawBufferPointer(rebasing: buffer.dropLast())) == nil)
        #expect(prepared.write(to: buffer) == prepared.size)
        #expect(Array(buffer) == Self.request.pack())
    }

    @Test("U+0000 becomes U+FFFD and is counted")
    func replacedNUL() throws {
        let before = MessageStatistics.textsWithNUL
        let packed = GetModelRequest(name: "a\0b\0").pack()
        #expect(try GetModelRequest(packed: packed).name == "a\u{FFFD}b\u{FFFD}")
        #expect(MessageStatistics.textsWithNUL > before)
    }

    @Test("Enums keep values they do not know")
    func unknownEnumValue() throws {
        let response = try HealthResponse(packed: [0x08, 0x63])
        #expect(response.state.rawValue == 99)
        #expect(response.state.description == "99")
        #expect(HealthResponse.State.draining.description == "DRAINING")
        #expect(response.pack() == [0x08, 0x63])
    }

    @Test("Methods say how they are called")
    func methods() {
        #expect(Router.route.path == "herd.v1.Router/Route")
        #expect(Router.route.isIdempotent)
        #expect(!Router.complete.isIdempotent)
        #expect(Router.complete.description.isStreaming)
        #expect(MethodDescription.all.count == 6 + 9 + 6 + 13 + 4 + 6)
        #expect(Set(MethodDescription.all.map(\.path)).count == MethodDescription.all.count)
        #expect(ObjectIdentifier(Registry.allMethods[0].request) == ObjectIdentifier(PutModelRequest.self))
    }
}
