package import HerdClient
package import HerdFrames
import HerdMessages

/// What a request brought back, beyond its one reply.
package struct Transfer: Sendable, Equatable {
    /// Messages of a stream.
    package var messages: UInt64 = 0
    /// Their packed bytes.
    package var bytes: UInt64 = 0

    package init() {}
}

/// One kind of request to make over and over.
package protocol Workload: Sendable {
    var name: String { get }

    /// Makes one request and waits for all of its answer.
    ///
    /// - Parameter number: Counts the requests of the whole run.
    func perform(_ number: Int, on client: HerdClient, timeout: Duration) async throws(CallError) -> Transfer
}

/// `Admin/Health`: what a call costs that does nothing.
package struct HealthWorkload: Workload {
    package let name = "health"

    package init() {}

    package func perform(
        _ number: Int, on client: HerdClient, timeout: Duration
    ) async throws(CallError) -> Transfer {
        _ = try await client.call(path: Admin.health.path, payload: [], timeout: timeout)
        return Transfer()
    }
}

/// `Admin/Probe`: a stream of `count` messages of `bytes` bytes each.
package struct ProbeWorkload: Workload {
    package let name = "probe"
    private let request: [UInt8]

    package init(count: UInt64, bytes: UInt32) {
        request = ProbeRequest(count: count, bytes: bytes).pack()
    }

    package func perform(
        _ number: Int, on client: HerdClient, timeout: Duration
    ) async throws(CallError) -> Transfer {
        var transfer = Transfer()
        for try await message in client.stream(path: Admin.probe.path, payload: request, timeout: timeout) {
            transfer.messages += 1
            transfer.bytes += UInt64(message.count)
        }
        return transfer
    }
}

/// `Router/Route` with one prompt after the other.
package struct RouteWorkload: Workload {
    package let name = "route"
    private let requests: [[UInt8]]

    /// - Parameter prompts: at least one.
    package init(prompts: [String]) {
        requests = prompts.map { RouteRequest(prompt: $0).pack() }
    }

    package func perform(
        _ number: Int, on client: HerdClient, timeout: Duration
    ) async throws(CallError) -> Transfer {
        let request = requests[number % requests.count]
        _ = try await client.call(path: Router.route.path, payload: request, timeout: timeout)
        return Transfer()
    }
}
