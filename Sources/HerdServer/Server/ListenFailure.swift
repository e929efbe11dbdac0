package import HerdTransport

/// Why a server can't listen on one of its addresses.
package struct ListenFailure: Error, CustomStringConvertible {
    package let address: EndpointAddress
    package let cause: any Error

    package init(address: EndpointAddress, cause: any Error) {
        self.address = address
        self.cause = cause
    }

    package var description: String {
        "can't listen on \(address): \(cause); is another process on that address?"
    }
}
