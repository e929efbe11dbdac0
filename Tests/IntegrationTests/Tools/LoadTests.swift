import Foundation
import Testing

/// `herd-load` against a herd that is there, and against none.
@Suite(.serialized, .timeLimit(.minutes(1))) struct LoadTests {
    @Test func everyWorkloadReportsInJSON() async throws {
        try await ToolHerd.with { herd in
            for workload in ["echo", "probe", "route"] {
                let result = try await Programs.run(
                    Programs.herdLoad,
                    [
                        "--server", herd.address, "--workload", workload, "--seconds", "1", "--warm-up", "0.1",
                        "--in-flight", "4", "--json",
                    ])
                #expect(result.status == 0, "\(workload): \(result.errors)")
                let report = try PrintedJSON.object(result.output)
                #expect(report["workload"] as? String == workload)
                let ok = try #require(report["requests"] as? Double)
                #expect(ok > 0, "\(result.output)")
                let latency = try #require(report["latency_ms"] as? [String: Double])
                let (median, longest) = (try #require(latency["p50"]), try #require(latency["max"]))
                #expect(median > 0 && median <= longest && longest < 10_000)
            }
        }
    }

    @Test func anOpenLoopWritesItsFilesAndIsCompared() async throws {
        try await ToolHerd.with(listen: ["127.0.0.1:0", "unix:FOLDER/router.sock"]) { herd in
            let (picture, distribution) = (herd.folder.appending(path: "a.svg"), herd.folder.appending(path: "a.hgrm"))
            var reports: [String] = []
            for (server, rate) in [(herd.address, "200"), ("unix:\(herd.folder.path)/router.sock", "400")] {
                let result = try await Programs.run(
                    Programs.herdLoad,
                    [
                        "--server", server, "--workload", "route", "--repeats", "0.5", "--rate", rate, "--arrivals",
                        "poisson", "--seconds", "1", "--warm-up", "0.1", "--json", "--svg", picture.path, "--hgrm",
                        distribution.path,
                    ])
                #expect(result.status == 0, "\(result.errors)")
                // Nobody looks: no progress line.
                #expect(!result.errors.contains("\u{1B}"))
                let report = try PrintedJSON.object(result.output)
                let offered = try #require(report["offered_per_second"] as? Double)
                let asked = try #require(Double(rate))
                #expect(abs(offered - asked) < 0.5 * asked)
                #expect(report["server_cpu_us_per_request"] is Double)
                let file = herd.folder.appending(path: "\(rate).json")
                try Data(result.output.utf8).write(to: file)
                reports.append(file.path)
            }
            #expect(try String(contentsOf: picture, encoding: .utf8).hasSuffix("</svg>\n"))
            #expect(try String(contentsOf: distribution, encoding: .utf8).contains("#[Mean "))
            let compared = try await Programs.run(Programs.herdLoad, ["compare"] + reports)
            #expect(compared.status == 0 && compared.output.contains("latency_ms p99"), "\(compared.errors)")
            #expect(compared.errors.contains("the runs differ in rate: 200 and 400"))
        }
    }

    @Test(
        .enabled(
            if: ProjectPython.isInstalled,
            "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
    func modelsAnswersAreTimedToTheirFirstToken() async throws {
        let model = try await ModelServer.scripted("an answer of several words")
        try await CompleteHerd.with(["a": model.baseURL]) { herd in
            for workload in ["complete", "refine"] {
                let result = try await Programs.run(
                    Programs.herdLoad,
                    [
                        "--server", try herd.daemon.address("router"), "--workload", workload, "--requests", "20",
                        "--in-flight", "4", "--warm-up", "0", "--json",
                    ])
                #expect(result.status == 0, "\(workload): \(result.errors)")
                let report = try PrintedJSON.object(result.output)
                #expect(report["requests"] as? Double == 20, "\(result.output)")
                let first = try #require(report["first_token_ms"] as? [String: Double])
                let whole = try #require(report["latency_ms"] as? [String: Double])
                #expect(try #require(first["p50"]) <= (try #require(whole["p50"])))
            }
        }
    }

    @Test func thePeerOfTheBenchmarkSpeaksTheProtocol() async throws {
        let program = FileManager.default.temporaryDirectory.appending(path: "epoll-echo-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: program) }
        let source = ProjectPython.root.appending(path: "Benchmarks/epoll/epoll_echo.c")
        let built = try await Programs.run(
            URL(filePath: "/usr/bin/env"),
            ["cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", source.path, "-o", program.path])
        try #require(built.status == 0, "\(built.errors)")
        let peer = Process()
        let output = Pipe()
        (peer.executableURL, peer.arguments, peer.standardOutput) = (program, ["0"], output)
        try Blocking.start(peer)
        defer {
            peer.terminate()
            peer.waitUntilExit()
        }
        let greeting = output.fileHandleForReading
        let port = await Blocking.onThread { String(decoding: greeting.availableData, as: UTF8.self) }
        for shape in [["--connections", "16"], ["--in-flight", "64"], ["--rate", "1000", "--connections", "3"]] {
            let result = try await Programs.run(
                Programs.herdLoad,
                ["--server", "127.0.0.1:\(port.dropLast())", "--requests", "500", "--warm-up", "0", "--json"] + shape)
            #expect(result.status == 0, "\(result.errors)")
            let report = try PrintedJSON.object(result.output)
            #expect(report["requests"] as? Double == 500 && report["failed"] as? Double == 0, "\(result.output)")
            #expect(report["server_cpu_us_per_request"] is Double)
        }
    }

    @Test func nobodyThereAndWrongUseAreTold() async throws {
        let nobody = try await Programs.run(
            Programs.herdLoad, ["--server", "127.0.0.1:1", "--seconds", "1", "--warm-up", "0", "--json"])
        #expect(nobody.status == 69)
        #expect(try PrintedJSON.object(nobody.output)["requests"] as? Double == 0)
        #expect(nobody.errors.hasPrefix("herd-load: "), "\(nobody.errors)")
        for (arguments, status) in [
            (["--workload", "sheep"], 64), (["--seconds", "0"], 64), (["--connections", "0"], 64),
            (["--workload", "route", "--prompts", "/nonexistent/prompts"], 66),
            (["--rate", "10", "--in-flight", "2"], 64), (["--arrivals", "poisson"], 64), (["--repeats", "1.5"], 64),
            (["--server", "nowhere"], 64), (["--server-pid", "1,x"], 64), (["--svg", "/nonexistent/a.svg"], 74),
            (["compare", "/nonexistent/a", "/nonexistent/b"], 66), (["compare", "/dev/null", "/dev/null"], 65),
        ] as [([String], Int32)] {
            let result = try await Programs.run(Programs.herdLoad, arguments)
            #expect(result.status == status, "\(arguments): \(result.errors)")
            #expect(result.output.isEmpty && !result.errors.isEmpty)
        }
    }
}
