package import HerdTransport
package import NIOCore
import NIOPosix

/// Calls a herd's router, or any other of its servers, over a few connections that all calls share.
///
/// It connects with the first call, and again by itself with later ones after a connection was lost. It is safe to use
/// from any task. A call fails with `CallError`:
/// - what the server answered, with its code, message and metadata;
/// - DEADLINE_EXCEEDED at its deadline, whether or not the server reacts;
/// - CANCELLED when its task is cancelled, which the server gets to know, or the client was closed;
/// - UNAVAILABLE when no server can be reached or the connection is lost;
/// - RESOURCE_EXHAUSTED when the request is longer than the server takes, or too many calls wait already.
///
/// **Several servers.** Of two taken at random a call goes to the one with fewer open calls. Servers that cannot be
/// reached, say that they stop, or are found wanting by `run`, get no calls while others are there; they come back by
/// themselves.
///
/// **Retries.** A call that was certainly not started is made again, on another server first, for up to
/// `ClientConfiguration.retryWindow`, and for up to `restartWindow` where its server said that it stops. After UNAVAILABLE an idempotent method's call is made again even if it may have
/// been started. Calls that a server that stays has got already are made again only within a budget, so that the client
/// never multiplies the load of servers in trouble. All attempts together keep to the one deadline.
public final class HerdClient: Sendable {
    let pool: EndpointPool

    /// A client of the server at `host` (a name or an address, IPv6 without brackets) and `port`.
    ///
    /// A name that stands for several addresses counts as one server: they are tried until one answers.
    public convenience init(host: String, port: Int, configuration: ClientConfiguration = ClientConfiguration()) {
        self.init(address: .network(host: host, port: port), configuration: configuration)
    }

    /// A client of equal servers, each at `host:port`, `[IPv6 address]:port` or `unix:PATH`.
    ///
    /// - Throws: `AddressError` for the first text that is no address, and where there is none.
    public convenience init(
        addresses: [String], configuration: ClientConfiguration = ClientConfiguration()
    ) throws(AddressError) {
        self.init(endpoints: try EndpointAddress.servers(addresses), configuration: configuration)
    }

    package convenience init(
        address: EndpointAddress, configuration: ClientConfiguration = ClientConfiguration(),
        eventLoopGroup: (any EventLoopGroup)? = nil
    ) {
        self.init(endpoints: [address], configuration: configuration, eventLoopGroup: eventLoopGroup)
    }

    /// - Parameters:
    ///   - endpoints: At least one.
    ///   - eventLoopGroup: The event loops that calls are made on, which outlive the client: each has a connection of its
    ///     own to each server, so that a call made there goes out and its answer comes in without another thread. nil
    ///     takes those that the process shares, and `connectionsPerEndpoint`.
    package init(
        endpoints: [EndpointAddress], configuration: ClientConfiguration = ClientConfiguration(),
        eventLoopGroup: (any EventLoopGroup)? = nil
    ) {
        pool = EndpointPool(
            addresses: endpoints, configuration: configuration,
            eventLoopGroup: eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton,
            connectsEachLoop: eventLoopGroup != nil)
    }

    /// Keeps an eye on the servers until the task is cancelled, then closes the client.
    ///
    /// Optional: calls work without it. While it runs, every server is connected to before it is needed, and asked for
    /// its Health: one that answers DRAINING, or not in time, gets no calls while others are there. It is what a service
    /// of swift-service-lifecycle has to have; see the documentation's example.
    public func run() async throws {
        await HealthChecks(pool: pool).run()
        close()
    }

    /// Ends the connections: open calls fail with CANCELLED, later ones too.
    public func close() {
        pool.close()
    }
}
