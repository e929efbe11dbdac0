package import ArgumentParser
package import HerdClient
import HerdMessages
import HerdReflection

package struct StatusCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "How the router is doing.",
        discussion: "EXAMPLE\n  herdctl status --address 127.0.0.1:7602   # the scorer")

    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run(with client: HerdClient) async throws {
        let status = try await client.call(HerdMessages.Admin.status, StatusRequest())
        try output.print(status) {
            var text = MessageFields.text(of: status, leavingOut: ["methods"])
            let called = status.methods.filter { $0.calls > 0 }
            if !called.isEmpty {
                var table = TextTable([
                    ("METHOD", .left), ("CALLS", .right), ("FAILURES", .right), ("MEAN MS", .right), ("MAX MS", .right),
                ])
                for method in called {
                    table.add([
                        method.method, "\(method.calls)", "\(method.failures)",
                        NumberFormat.decimals(method.meanMs, 3), NumberFormat.decimals(method.maxMs, 3),
                    ])
                }
                text += "\n" + table.text
            }
            return text
        }
    }
}
