import HerdTransport

/// Why a text is not the address of a server.
public struct AddressError: Error, Hashable, Sendable {
    /// The text as it was given; empty where there was no address at all.
    public let address: String
    /// What is wrong with it and how one is written.
    public let message: String
}

extension AddressError: CustomStringConvertible {
    public var description: String { message }
}

extension EndpointAddress {
    /// Reads the address of a server to connect to: `host:port`, `[IPv6 address]:port` or `unix:PATH`.
    package init(serverAddress text: String) throws(AddressError) {
        guard let address = EndpointAddress(text) else {
            throw AddressError(
                address: text,
                message: "'\(text)' is no address; write host:port, [IPv6 address]:port or unix:PATH, "
                    + "for example 127.0.0.1:7601")
        }
        switch address {
        case .network(_, port: 0):
            throw AddressError(address: text, message: "'\(text)' has port 0; name the one the server listens on")
        case .unix(let path) where path.utf8.count > Self.longestPath:
            throw AddressError(
                address: text,
                message: "the path in '\(text)' is too long for a Unix socket; "
                    + "the system takes \(Self.longestPath) bytes")
        case .network, .unix: self = address
        }
    }

    /// `sun_path` with the zero at its end.
    private static var longestPath: Int { 107 }

    /// Reads several; an address that is named twice counts once.
    static func servers(_ texts: [String]) throws(AddressError) -> [EndpointAddress] {
        guard !texts.isEmpty else {
            throw AddressError(address: "", message: "no address was given; name at least one server as host:port")
        }
        var addresses: [EndpointAddress] = []
        for text in texts {
            let address = try EndpointAddress(serverAddress: text)
            if !addresses.contains(address) { addresses.append(address) }
        }
        return addresses
    }
}
