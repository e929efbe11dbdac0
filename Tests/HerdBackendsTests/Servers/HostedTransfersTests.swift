import HerdBackends
import HerdServer
import HerdServices
import Logging
import NIOCore
import NIOPosix
import Testing

/// Calls on the router's event loops; `FaultTests` and `LlamaTests` try the same on them as on the curl thread.
@Suite("Calls on event loops", .serialized)
struct HostedTransfersTests {
    private static let models = [("fine", "fine"), ("slow", "slow.hosted"), ("hung", "hang-before-token")]

    private static func pool(_ loops: MultiThreadedEventLoopGroup) async throws -> BackendPool {
        let server = try await FaultyServer.shared
        let pool = try BackendPool(
            BackendConfiguration(), hosts: EventLoopHosts(loops), logger: Logger(label: "test"))
        pool.update(try models.map { ($0.0, [try server.endpoint($0.1) { $0.maxConcurrency = 100 }]) })
        return pool
    }

    private static func withLoops(_ body: (MultiThreadedEventLoopGroup) async throws -> Void) async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        do {
            try await body(loops)
        } catch {
            try? await loops.shutdownGracefully()
            throw error
        }
        try await loops.shutdownGracefully()
    }

    @Test("A call of a task on an event loop is performed there, any other on the curl thread")
    func places() async throws {
        try await Self.withLoops { loops in
            let pool = try await Self.pool(loops)
            #expect(try await pool.ask("fine", "a b").text == "a b")
            var before = try #require(await pool.transferWork())
            // The curl thread may still hear of the end of that call's connection.
            var isSettled = false
            while !isSettled {
                try await Task.sleep(for: .milliseconds(50))
                let work = try #require(await pool.transferWork())
                isSettled = work.sockets == before.sockets
                before = work
            }
            #expect(before.sockets > 0 && before.hostedSockets == 0)
            for _ in 0..<2 {
                let executor = EventLoopTaskExecutor(loops.next())
                let text = try await withTaskExecutorPreference(executor) { try await pool.ask("fine", "c d").text }
                #expect(text == "c d")
            }
            let work = try #require(await pool.transferWork()) - before
            #expect(work.hostedSockets > 0 && work.hostedSockets == work.sockets)
            await pool.shutDown()
        }
    }

    @Test("Words come as they are sent, and callers on two event loops do not wait for each other")
    func many() async throws {
        try await Self.withLoops { loops in
            let pool = try await Self.pool(loops)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<60 {
                    group.addTask(executorPreference: EventLoopTaskExecutor(loops.next())) {
                        let text = (0..<20).map { "\(index)-\($0)" }.joined(separator: " ")
                        let answer = try await pool.ask("slow", text)
                        let pieces = answer.events.count { if case .text = $0 { true } else { false } }
                        return answer.text == text && pieces > 5
                    }
                }
                for try await isWhole in group { #expect(isWhole) }
            }
            try await eventually("all are over") { pool.status().openTransfers == 0 }
            await pool.shutDown()
        }
    }

    @Test("The end of the pool ends its calls, and later ones are refused")
    func shutDown() async throws {
        try await Self.withLoops { loops in
            let pool = try await Self.pool(loops)
            let calls = (0..<10).map { _ in
                Task(executorPreference: EventLoopTaskExecutor(loops.next())) { try await pool.ask("hung", "x") }
            }
            try await eventually("all are open") { pool.status().openTransfers == 10 }
            await pool.shutDown()
            for call in calls {
                let error = await #expect(throws: BackendError.self) { try await call.value }
                #expect(error?.kind == .shutDown)
            }
            let late = await #expect(throws: BackendError.self) {
                try await withTaskExecutorPreference(EventLoopTaskExecutor(loops.next())) {
                    _ = try await pool.ask("fine", "x")
                }
            }
            #expect(late?.kind == .shutDown)
        }
    }

    @Test("A pool that is let go takes its descriptors along")
    func letGo() async throws {
        try await Self.withLoops { loops in
            func round() async throws {
                let pool = try await Self.pool(loops)
                for _ in 0..<2 {
                    let text = try await withTaskExecutorPreference(EventLoopTaskExecutor(loops.next())) {
                        try await pool.ask("fine", "x").text
                    }
                    #expect(text == "x")
                }
            }
            try await round()
            let before = try openDescriptors()
            for _ in 0..<5 { try await round() }
            try await eventually("no more descriptors are open than before") { try openDescriptors() <= before }
        }
    }
}
