import Foundation
import Testing

/// `herdctl call` as scripts use it.
@Suite(.serialized, .timeLimit(.minutes(1))) struct CallTests {
    @Test func repliesAndStreamsAreJSONLinesFromEverySource() async throws {
        try await ToolHerd.with { herd in
            let health = try await herd.ctl("call", "Admin/Health")
            #expect(health.status == 0 && health.errors.isEmpty, "\(health.errors)")
            #expect(try PrintedJSON.lines(health.output).map { $0["service"] as? String } == ["router"])
            let whole = try await herd.ctl("call", "herd.v1.Registry/GetModel", #"{"name": "shepherd"}"#, "--json")
            #expect(try PrintedJSON.lines(whole.output).count == 1)
            #expect(whole.output.contains(#""shepherd""#))

            let request = #"{"count": 3, "bytes": 3}"#
            let file = herd.folder.appending(path: "request.json")
            try Data(request.utf8).write(to: file)
            let given = try await herd.ctl("call", "Admin/Probe", request)
            let piped = try await herd.ctl("call", "Admin/Probe", "-", input: request)
            let read = try await herd.ctl("call", "Admin/Probe", "@\(file.path)")
            for result in [given, piped, read] {
                #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
                let payloads = try PrintedJSON.lines(result.output).map { $0["payload"] as? String }
                #expect(payloads == ["AAAA", "AAAA", "AAAA"], "three zeros each, in base64")
            }
            let none = try await herd.ctl("call", "Admin/Probe")
            #expect(none.status == 0 && none.output.isEmpty, "an empty request asks for no message")
        }
    }

    @Test func whatIsWrongIsNamedAndSetsTheExitCode() async throws {
        try await ToolHerd.with { herd in
            for (arguments, status, part) in [
                (["Admin/Probe", #"{"count": "#], 64, "JSON"),
                (["Admin/Probe", #"{"count": "many"}"#], 64, "count"),
                (["Admin/Probe", #"{"byts": 4}"#], 64, "byts"),
                (["Admin/Probe", "[]"], 64, "herdctl: "),
                (["Admin/Prob"], 64, "Admin/Prob"),
                (["Admin/Probe", "@\(herd.folder.path)/nothing.json"], 66, "nothing.json"),
                (["Admin/Probe", #"{"bytes": 4000001}"#], 64, "INVALID_ARGUMENT"),
                (["Registry/GetModel", #"{"name": "sheep"}"#], 66, "NOT_FOUND"),
            ] as [([String], Int32, String)] {
                let result = try await Programs.run(
                    Programs.herdctl, ["call"] + arguments, environment: ["HERD_ADDRESS": herd.address])
                #expect(result.status == status, "\(arguments): \(result.errors)")
                #expect(result.output.isEmpty, "\(arguments): \(result.output)")
                #expect(result.errors.contains(part), "\(arguments): \(result.errors)")
            }
        }
        let nobody = try await Programs.run(Programs.herdctl, ["call", "Admin/Health", "--address", "127.0.0.1:1"])
        #expect(nobody.status == 69)
        #expect(nobody.errors.contains("127.0.0.1:1"), "\(nobody.errors)")
    }

    @Test func everyKindOfAddressIsCalled() async throws {
        try await ToolHerd.with(listen: ["127.0.0.1:0", "[::1]:0", "unix:FOLDER/router.sock"]) { herd in
            let addresses = try #require(herd.daemon.listening["router"])
            try #require(addresses.count == 3)
            #expect(addresses[1].hasPrefix("[::1]:") && addresses[2] == "unix:\(herd.folder.path)/router.sock")
            for address in addresses {
                let result = try await Programs.run(
                    Programs.herdctl, ["call", "Admin/Health", "--address", address],
                    environment: ["HERD_ADDRESS": "127.0.0.1:1"])
                #expect(result.status == 0, "\(address): \(result.errors)")
                #expect(result.output.contains(#""router""#))
            }
        }
        let wrong = try await Programs.run(Programs.herdctl, ["call", "Admin/Health", "--address", "unix:"])
        #expect(wrong.status == 64)
        let missing = try await Programs.run(
            Programs.herdctl, ["call", "Admin/Health", "--address", "unix:/nonexistent/herd.sock"])
        #expect(missing.status == 69)
        #expect(missing.errors.contains("/nonexistent/herd.sock"), "\(missing.errors)")
    }
}
