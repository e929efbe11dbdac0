import HerdClient
import HerdFrames
package import HerdTransport
import NIOConcurrencyHelpers

/// The way of a service behind the router back to it, because only the router calls models.
///
/// In `herdd all` the services that the router asks listen before it does, so that its address is told them later, before
/// they run.
package final class RouterLink: Sendable {
    private let caller: String
    private let credentials: ProcessCredentials
    private let state: NIOLockedValueBox<HerdClient?>

    /// - Parameters:
    ///   - caller: what the service calls itself: `refiner`.
    ///   - address: the router's; empty where it is told later.
    ///   - credentials: what it shows the router.
    package init(
        caller: String, address: String, credentials: ProcessCredentials
    ) throws(ConfigurationError) {
        self.caller = caller
        self.credentials = credentials
        state = NIOLockedValueBox(nil)
        if !address.isEmpty { use(try HerdConfiguration.address(address)) }
    }

    /// Makes later calls to the router at this address.
    package func use(_ address: EndpointAddress) {
        var configuration = ClientConfiguration()
        configuration.name = caller
        credentials.apply(to: &configuration)
        let client = HerdClient(address: address, configuration: configuration)
        let before = state.withLockedValue { state in
            defer { state = client }
            return state
        }
        before?.close()
    }

    /// - Throws: UNAVAILABLE until the address is known.
    var client: HerdClient {
        get throws(CallError) {
            guard let client = state.withLockedValue({ $0 }) else {
                throw CallError(.unavailable, "the \(caller) does not know its router yet; try again")
            }
            return client
        }
    }

    /// Ends its calls.
    func close() {
        state.withLockedValue { $0 }?.close()
    }
}

/// A service that asks the router for what models answer.
protocol RouterCaller {
    var routerLink: RouterLink { get }
}
