import HerdCommands
import HerdJSON
import HerdMessages
import HerdReflection
import Testing

@Suite("Names of methods and types on the command line")
struct MethodNameTests {
    @Test(
        "as much of a method's end as no other shares is enough",
        arguments: [
            ("herd.v1.Router/Route", "herd.v1.Router/Route"), ("Router/Route", "herd.v1.Router/Route"),
            ("Route", "herd.v1.Router/Route"), ("Router/Refine", "herd.v1.Router/Refine"),
        ])
    func found(name: String, path: String) throws {
        #expect(try MethodName.resolve(name).path == path)
    }

    @Test(
        "what is missing or stands for several is refused with what may be meant",
        arguments: [
            ("Refine", "Refiner/Refine, Router/Refine"), ("Rout", "did you mean Route?"),
            ("Router/Rote", "did you mean Router/Route?"), ("", "there is no method"), ("a\nb", "'a\\nb'"),
        ])
    func refused(name: String, reason: String) {
        do {
            _ = try MethodName.resolve(name)
            Issue.record("\(name) was found")
        } catch {
            #expect(error.message.contains(reason), "\(error.message)")
            #expect(error.exitCode == 64)
        }
    }

    @Test("every type that is compiled in can be described, with its comments")
    func descriptions() throws {
        let set = try DescriptorSet(packed: FileDescriptors.packed)
        for type in allWireMessages {
            let description = try Description.named(type.fullName, in: set)
            #expect(description.text.contains("message \(type.fullName) {"))
        }
        for method in MethodDescription.all {
            let described = try #require(set.services.flatMap(\.methods).first { $0.path == method.path })
            #expect(described.isStreaming == method.isStreaming)
            #expect((described.idempotency != .unknown) == method.isIdempotent)
            #expect(described.request == method.request.fullName && described.response == method.response.fullName)
        }
        let route = try Description.named("Router/Route", in: set).text
        for line in [
            "rpc Route(herd.v1.RouteRequest) returns (herd.v1.RouteResponse) { option idempotency_level = IDEMPOTENT; }",
            "  // Empty = \"default\".\n  string policy = 3;", "message herd.v1.Contribution {",
            "  oneof part {\n    string text = 1;",
        ] {
            #expect(route.contains(line), "\(line)")
        }
        // Programs get every type that people get.
        let json = try Description.named("Router/Route", in: set).json.text(onOneLine: true)
        for line in route.split(separator: "\n") where line.hasPrefix("message ") || line.hasPrefix("enum ") {
            let words = line.split(separator: " ")
            #expect(json.contains("{\"\(words[0])\":\"\(words[1])\","), "\(line)")
        }
        #expect(json.contains("{\"message\":\"herd.v1.Candidate\","))
        #expect(try Description.named("Evaluation", in: set).text.contains("  map<string, double> scores = 5;"))
        #expect(try Description.named("State", in: set).text.contains("  DRAINING = 3;"))
        #expect(throws: CommandFailure.self) { try Description.named("Sheep", in: set) }
    }

    @Test("bytes that are no description are refused, cut anywhere and changed at random")
    func damagedDescriptors() {
        let packed = FileDescriptors.packed
        for length in stride(from: 0, to: packed.count, by: 597) {
            _ = try? DescriptorSet(packed: Array(packed[..<length]))
        }
        let seed = UInt64.random(in: 0...UInt64.max)
        print("damaged descriptors of seed \(seed)")
        var state = seed
        for _ in 0..<40 {
            var bytes = packed
            for _ in 0..<8 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 24)
            }
            _ = try? DescriptorSet(packed: bytes)
        }
        #expect(throws: DescriptorSet.Failure.self) { try DescriptorSet(packed: [0x0A, 0x7F]) }
    }
}
