import HerdFrames
import HerdMessages
import HerdTransport
import NIOCore

/// Connects to every server, and asks it for its Health now and then.
struct HealthChecks {
    let pool: EndpointPool
    private var configuration: ClientConfiguration { pool.configuration }

    init(pool: EndpointPool) {
        self.pool = pool
    }

    /// Goes on until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            pool.connectWhereDue()
            await withTaskGroup(of: Void.self) { group in
                for (endpoint, connection) in pool.greetedConnections() {
                    group.addTask { await check(endpoint, connection) }
                }
            }
            // At different times, so that a server's many clients do not ask all at once.
            let pause = max(configuration.healthInterval, .milliseconds(1)) * Double.random(in: 0.8...1.2)
            try? await Task.sleep(for: pause)
        }
    }

    private func check(_ endpoint: Int, _ connection: ClientConnection) async {
        let call = ClientCall(
            method: Admin.health.path, payload: HealthRequest().pack(), metadata: [:],
            deadline: .now() + configuration.healthTimeout.timeAmount, credit: 0)
        connection.reserve()
        let event = await withTaskCancellationHandler {
            connection.start(call)
            return await call.next()
        } onCancel: {
            connection.cancel(call)
        }
        guard let trouble = trouble(in: event) else { return }
        pool.note(trouble, of: endpoint, on: connection)
    }

    /// What the answer tells; nil where it tells nothing, as when the connection ended, which the pool knows anyway.
    private func trouble(in event: ClientCall.Event) -> EndpointState.Trouble? {
        switch event {
        case .end(.success(let payload)):
            let state = try? HealthResponse(packed: payload).state
            return state == .draining ? .draining : EndpointState.Trouble.none
        case .end(.failure(let error, let progress)):
            switch error.code {
            case .cancelled: return nil
            // It waited for room behind this client's own calls.
            case .deadlineExceeded where progress == .neverStarted: return nil
            case .deadlineExceeded: return .unresponsive
            case .unavailable: return progress == .turnedDown ? .draining : nil
            // It answers, if strangely.
            default: return EndpointState.Trouble.none
            }
        case .message: return EndpointState.Trouble.none
        }
    }
}
