import Foundation
import HerdBackends
import Logging
import Testing

extension MeasuredTests {
    /// What the curl thread does for what it receives, counted by itself.
    @Suite("Work of the curl thread", .serialized)
    struct TransferWorkTests {
        private static let words = 50

        /// One streamed answer, a word every 20 ms, while `open` other transfers wait for their first token.
        private static func work(beside open: Int) async throws -> TransferWork {
            let server = try await FaultyServer.shared
            let models = [
                ("slow", [try server.endpoint("slow.work")]),
                ("hung", [try server.endpoint("hang-before-token.work") { $0.maxConcurrency = 400 }]),
            ]
            var difference = TransferWork()
            try await withPool(models.map { (model: $0.0, endpoints: $0.1) }) { pool in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<open {
                        group.addTask {
                            _ = try? await pool.open(
                                model: "hung", ChatRequest(messages: [.init(.user, "x")]),
                                deadline: .now.advanced(by: .seconds(60)))
                        }
                    }
                    // libcurl's clocks for connecting, a fifth of a second each, have run out as well.
                    var last = TransferWork()
                    try await eventually("\(open) transfers are open, and nothing happens") {
                        let now = try #require(await pool.transferWork())
                        defer { last = now }
                        if pool.status().openTransfers == open, now.sockets >= open, now.looks >= open,
                            (now - last).sockets + (now - last).timers + (now - last).looks == 0
                        {
                            return true
                        }
                        try await Task.sleep(for: .milliseconds(300))
                        return false
                    }
                    let before = try #require(await pool.transferWork())
                    let words = Array(repeating: "a", count: Self.words).joined(separator: " ")
                    let answer = try await pool.ask("slow", words)
                    #expect(answer.text == words)
                    difference = try #require(await pool.transferWork()) - before
                    #expect(pool.status().openTransfers >= open)
                    group.cancelAll()
                }
            }
            return difference
        }

        @Test("A piece of an answer costs the same beside 400 open transfers as alone")
        func piece() async throws {
            let alone = try await Self.work(beside: 0)
            let crowd = try await Self.work(beside: 400)
            for work in [alone, crowd] {
                print("\(Self.words) words: \(work)")
                // One wait and one call of libcurl for each, and some for the connection; fewer where words came together.
                #expect((10...(2 * Self.words)).contains(work.sockets))
                #expect(work.waits <= 2 * Self.words)
                #expect(work.timers <= Self.words / 2)
            }
            // Were all looked at for each word, it would be 20,000; once is for a time that is due.
            #expect(crowd.looks <= 2 * Self.words + 400)
            // What libcurl and the kernel do cannot be counted; with curl_multi_poll, this was 5.
            let times = [crowd, alone].map { Double($0.processorNanoseconds) / Double($0.sockets) / 1000 }
            print("per call of libcurl: \(times[0]) µs beside 400, \(times[1]) µs alone")
            #expect(times[0] < 3 * times[1])
        }

        /// Each command comes while the thread, which has just answered the last one, goes to sleep.
        @Test("No command is slept through", .timeLimit(.minutes(1)))
        func commands() async throws {
            try await withPool([]) { pool in
                for _ in 0..<10_000 {
                    let work = await pool.transferWork()
                    try #require(work != nil)
                }
                // Many at a time share a wait.
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask { for _ in 0..<1000 { _ = await pool.transferWork() } }
                    }
                }
                let work = try #require(await pool.transferWork())
                #expect(work.waits <= 18_010)
                await pool.shutDown()
                let after = await pool.transferWork()
                #expect(after == nil)
            }
        }

        /// Descriptors of this process to wait with.
        private static func polls() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { name in
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")
                return target == "anon_inode:[eventpoll]" || target == "anon_inode:[eventfd]"
            }
        }

        @Test("Pools leave no descriptor behind, shut down or only let go")
        func descriptors() async throws {
            let server = try await FaultyServer.shared
            let endpoint = try server.endpoint("fine.work", host: "localhost")
            // Other tests have pools, too, but not so many.
            let before = try Self.polls()
            for round in 0..<40 {
                let pool = try BackendPool(BackendConfiguration(), logger: Logger(label: "test"))
                pool.update([("m", [endpoint])])
                let answer = try await pool.ask("m", "a b")
                #expect(answer.text == "a b")
                if round.isMultiple(of: 2) { await pool.shutDown() }
            }
            try await eventually("all are closed") { try Self.polls() < before + 30 }
        }
    }
}
