import ArgumentParser
import HerdClient
import HerdMessages
import HerdReflection

struct ModelWatch: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Print the herd, then every change of its models as it happens.",
        discussion: """
            Changes that come faster than they are printed are told together. It goes on until Ctrl-C, --timeout, or the
            router's end (exit code 69).

            EXAMPLES
              herdctl model watch
              herdctl model watch --json | jq -c '.removed'
            """)

    @OptionGroup var connection: ConnectionOptions
    @Flag(help: "Print each event as one line of JSON; keys are the message's field names.")
    var json = false

    func run(with client: HerdClient) async throws {
        let events = client.stream(
            HerdMessages.Registry.watchModels, WatchModelsRequest(), timeout: connection.streamTimeout)
        for try await event in events {
            try StandardOutput.write(json ? MessageJSON.text(of: event, onOneLine: true) + "\n" : Self.lines(event))
        }
    }

    private static func lines(_ event: ModelsEvent) -> String {
        let changes =
            event.put.map { "put \(PrintableText.escaped($0.name))" }
            + event.removed.map { "removed \(PrintableText.escaped($0))" }
        guard !changes.isEmpty else { return "revision \(event.registryRevision)\n" }
        return changes.map { "revision \(event.registryRevision): \($0)\n" }.joined()
    }
}
