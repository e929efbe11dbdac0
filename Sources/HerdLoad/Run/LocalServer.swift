import HerdClient
import HerdFrames
import HerdMessages

/// A server on this machine.
enum LocalServer {
    /// The number of the process behind an address of this machine, by what its Status says; nil where it is elsewhere,
    /// does not say, or the number is another program's, as across containers.
    static func process(at address: String, _ client: HerdClient) async -> Int32? {
        guard isLocal(address),
            let status = try? await client.call(Admin.status, StatusRequest(), timeout: .seconds(2)),
            let process = status.facts["pid"].flatMap({ Int32($0) }), ProcessorTime.name(of: process) == "herdd"
        else { return nil }
        return process
    }

    private static func isLocal(_ address: String) -> Bool {
        ["unix:", "127.", "localhost:", "[::1]:"].contains { address.hasPrefix($0) }
    }
}
