package import ArgumentParser
package import HerdClient
import HerdMessages

package struct StatusCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "How the router is doing.",
        discussion: """
            Everything the server tells of itself: the service, its connections, its store, its calls by method with their
            errors by code. Its HTTP port (router.http_listen, 127.0.0.1:7611) has what is counted for Prometheus at
            /metrics, by model and endpoint and with histograms.

            Scorer and refiner tell the same of themselves. In a herd with tokens they answer only the service credential:
            where `herdd all` makes that up for itself, their figures are at /metrics (scorer.http_listen, 127.0.0.1:7612;
            refiner.http_listen, 127.0.0.1:7613), which asks for none.

            EXAMPLES
              herdctl status
              herdctl status --address 127.0.0.1:7602   # the scorer
            """)

    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run(with client: HerdClient) async throws {
        let status = try await client.call(HerdMessages.Admin.status, StatusRequest())
        try output.print(status) { StatusText.text(of: status) }
    }
}
