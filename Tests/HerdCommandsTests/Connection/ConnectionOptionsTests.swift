import ArgumentParser
import HerdCommands
import Testing

/// Where herdctl looks for routers.
@Suite struct ConnectionOptionsTests {
    @Test(arguments: [
        ["--address", "127.0.0.1:7601"], ["--address", "[::1]:7601"], ["--address", "unix:/run/herd.sock"],
        ["--address", "a:1,[::1]:2"], ["--address", "a:1", "--address", "unix:x"], [],
    ])
    func addressesAreTaken(arguments: [String]) throws {
        #expect(throws: Never.self) { try ConnectionOptions.parse(arguments) }
    }

    @Test(arguments: ["", "a", "a:0", "a:70000", "::1:7601", "unix:", "a:1,", "a:1,b"])
    func whatIsNoneIsNamed(text: String) throws {
        let error = #expect(throws: (any Error).self) { try ConnectionOptions.parse(["--address", text]) }
        let message = error.map { ConnectionOptions.message(for: $0) } ?? ""
        #expect(message.contains("is no address") || message.contains("port 0"), "\(message)")
    }
}
