import HerdTransport
import Testing

@Suite struct EndpointAddressTests {
    @Test(arguments: [
        ("127.0.0.1:7601", EndpointAddress.network(host: "127.0.0.1", port: 7601)),
        ("localhost:0", .network(host: "localhost", port: 0)),
        ("[::1]:7602", .network(host: "::1", port: 7602)),
        ("unix:/run/herd.sock", .unix(path: "/run/herd.sock")),
    ])
    func `is read and written alike`(text: String, address: EndpointAddress) {
        #expect(EndpointAddress(text) == address)
        #expect(address.description == text)
    }

    @Test(arguments: ["", ":80", "host", "host:", "host:x", "host:70000", "::1:80", "[]:80", "unix:", "host:-1"])
    func `what is no address is refused`(text: String) {
        #expect(EndpointAddress(text) == nil)
    }
}
