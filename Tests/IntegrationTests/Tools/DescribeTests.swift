import Foundation
import Testing

/// `herdctl describe`: what a server says that it has.
@Suite(.serialized, .timeLimit(.minutes(1))) struct DescribeTests {
    @Test func aServerListsItsMethodsAndShowsEachOfThem() async throws {
        try await ToolHerd.with { herd in
            let all = try await herd.ctl("describe")
            #expect(all.status == 0, "\(all.errors)")
            let allJSON = try await herd.ctl("describe", "--json")
            let methods = try #require(try PrintedJSON.object(allJSON.output)["methods"] as? [[String: Any]])
            let names = try methods.map { try #require($0["method"] as? String) }
            #expect(names.contains("herd.v1.Router/Route") && names.contains("herd.v1.Admin/Probe"))
            for name in names { #expect(all.output.contains(name)) }
            for method in methods { #expect(method["streaming"] is Bool && method["idempotency"] is String) }

            let one = try await herd.ctl("describe", "Router/Route")
            #expect(one.status == 0, "\(one.errors)")
            for part in ["RouteRequest", "RouteResponse", "string prompt = 1;", "Goals", "Candidate"] {
                #expect(one.output.contains(part), "\(part)")
            }
            let oneJSON = try await herd.ctl("describe", "Router/Route", "--json")
            let described = try PrintedJSON.object(oneJSON.output)
            #expect(described["method"] as? String == "herd.v1.Router/Route")
            #expect(described["request"] as? String == "herd.v1.RouteRequest")
            let messages = try #require(described["messages"] as? [[String: Any]])
            #expect(messages.contains { $0["message"] as? String == "herd.v1.RouteRequest" })
        }
    }

    @Test func withoutAServerOnlyTheBuiltInOnesAreShown() async throws {
        let nowhere = ["HERD_ADDRESS": "127.0.0.1:1"]
        let local = try await Programs.run(Programs.herdctl, ["describe", "Goals", "--local"], environment: nowhere)
        #expect(local.status == 0 && local.output.contains("Goal"), "\(local.errors)")
        let asked = try await Programs.run(Programs.herdctl, ["describe", "Goals"], environment: nowhere)
        #expect(asked.status == 69 && asked.output.isEmpty)
        let unknown = try await Programs.run(
            Programs.herdctl, ["describe", "Router/Rout", "--local"], environment: nowhere)
        #expect(unknown.status == 66)
        #expect(unknown.errors.contains("Router/Rout"), "\(unknown.errors)")
    }
}
