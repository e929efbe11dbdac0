import HerdClient
import HerdFrames
import HerdTransport
import NIOCore
import NIOPosix
import Testing

/// A name that stands for several addresses, of which one answers.
@Suite struct NameTests {
    @Test(arguments: [(["::1"], ["127.0.0.1"]), (["::1"], ["127.0.0.2", "127.0.0.1"]), ([], ["127.0.0.1"])])
    func `the address that answers is used`(six: [String], four: [String]) async throws {
        try await withServer { server in
            guard case .network(_, let port) = server.address else {
                Issue.record("not on the network")
                return
            }
            let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
            let greeted = Signal()
            let ended = Signal()
            let connection = ClientConnection(
                peer: "herd.test", greeting: [:], limits: ConnectionLimits(),
                keepAlive: KeepAlive(interval: .seconds(600), timeout: .seconds(600)), eventLoop: eventLoop
            ) { _, event in
                switch event {
                case .greeted: greeted.fire()
                case .leaving: break
                case .ended: ended.fire()
                }
            }
            connection.connect(
                to: .network(host: "herd.test", port: port), timeout: .seconds(20),
                resolver: FixedResolver(six: six, four: four, eventLoop: eventLoop))
            try await greeted.wait()
            #expect(!ended.hasFired)
            connection.close()
            try await ended.wait()
        }
    }
}

/// Knows one name.
private struct FixedResolver: Resolver {
    let six: [String]
    let four: [String]
    let eventLoop: any EventLoop

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        found(four, port)
    }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        found(six, port)
    }

    func cancelQueries() {}

    private func found(_ addresses: [String], _ port: Int) -> EventLoopFuture<[SocketAddress]> {
        eventLoop.makeCompletedFuture { try addresses.map { try SocketAddress(ipAddress: $0, port: port) } }
    }
}
