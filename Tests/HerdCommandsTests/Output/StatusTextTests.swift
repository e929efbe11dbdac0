import HerdCommands
import HerdMessages
import Testing

@Suite("herdctl status")
struct StatusTextTests {
    @Test("shows everything, in groups")
    func groups() {
        let status = StatusResponse(
            service: "router", version: "0.1.0", uptimeMs: 3_725_000,
            health: HealthResponse(state: .degraded, service: "router", reasons: ["the scorer is away"]),
            connections: 3, openCalls: 2,
            methods: [
                MethodStatistics(
                    method: "herd.v1.Router/Route", calls: 7, failures: 4, meanMs: 0.25, maxMs: 2, p50Ms: 0.125,
                    p99Ms: 1.75, errors: ["NOT_FOUND": 1, "UNAVAILABLE": 3])
            ],
            figures: [
                "store_bytes": 4_096, "store_entries_models": 12, "cache_hits": 5, "connections_accepted": 9,
                "bytes_sent": 1_536, "store_max_commit_ms": 1.5, "something_new": 0.5,
            ], facts: ["scorer": "away", "predictor_version": "", "forged": "a\nb"])
        let text = StatusText.text(of: status)
        for line in [
            "router 0.1.0", "DEGRADED: the scorer is away", "1 h 2 min", "a\\nb", "WORK\n", "  something new  0.5\n",
            "CONNECTIONS\n", "1.5 KiB", "STORE\n", "4.0 KiB", "1.500", "STORE, ENTRIES\n  models  12\n", "CALLS",
            "herd.v1.Router/Route", "0.250", "0.125", "1.750", "UNAVAILABLE 3, NOT_FOUND 1\n",
        ] {
            #expect(text.contains(line), "\(line) in\n\(text)")
        }
    }

    @Test("arguments that are no UTF-8 are refused by their place")
    func arguments() {
        #expect(ArgumentText.problem(in: [Array("herdctl".utf8), Array("é🐑".utf8), []]) == nil)
        let problem = ArgumentText.problem(in: [Array("herdctl".utf8), [0x61, 0xFF, 0x0A]])
        #expect(problem == "argument 1, 'a\u{FFFD}\\n', is not valid UTF-8; write it in UTF-8")
    }
}
