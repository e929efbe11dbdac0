package import ArgumentParser
import Glibc
package import HerdClient
import HerdFrames
import HerdMessages
import HerdJSON

package struct BackupCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy the stores of a running herd.",
        discussion: """
            The services go on working and write the copies themselves, on the machines they run on: DIR/router,
            DIR/scorer and DIR/refiner, a data folder as herdd all --data DIR takes it. Each copy is a consistent snapshot with every write
            that was acknowledged before, and is there whole or not at all. While it is made the store's file may grow.

            EXAMPLES
              herdctl backup /backups/$(date +%F) && herdctl verify /backups/$(date +%F)
              herdctl backup /backups/router --own-only
            """)

    @Argument(
        help: ArgumentHelp(
            "The folder to be, on the server's machine; a relative one is taken from here.", valueName: "dir"))
    var directory: String
    @Flag(help: "Only the store of the service at --address.")
    var ownOnly = false
    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run(with client: HerdClient) async throws {
        var complete: [BackupEvent] = []
        do {
            var progress = ProgressLine()
            defer { progress.finish() }
            // A backup may well take longer than an ordinary call.
            let events = client.stream(
                HerdMessages.Admin.backup,
                BackupRequest(directory: try Self.absolute(directory), ownOnly: ownOnly),
                timeout: connection.streamTimeout ?? .seconds(86_400))
            for try await event in events {
                if event.complete { complete.append(event) }
                let share = event.bytesTotal > 0 ? Double(event.bytesDone) / Double(event.bytesTotal) : 0
                progress.update("copying \(event.service)", share: share)
            }
        }
        guard !complete.isEmpty else {
            throw CallError(.internal, "the backup ended without a result; see the service's log")
        }
        if output.json {
            let copies = complete.map { event in
                JSONNode.object([
                    (key: "service", value: .string(event.service)), (key: "path", value: .string(event.path)),
                    (key: "bytes", value: .number(event.bytesDone)),
                ])
            }
            try StandardOutput.write(JSONNode.object([(key: "copies", value: .array(copies))]).text() + "\n")
        } else {
            for event in complete {
                try StandardOutput.write("\(event.service): \(event.path), \(event.bytesDone) bytes\n")
            }
        }
    }

    /// The server's idea of a relative path would be another.
    static func absolute(_ path: String) throws(CommandFailure) -> String {
        guard !path.isEmpty else { throw CommandFailure("the folder's name is empty", exitCode: 64) }
        guard !path.hasPrefix("/") else { return path }
        guard let current = getcwd(nil, 0) else {
            throw CommandFailure(
                "the current folder can't be told: \(String(cString: strerror(errno))); name an absolute path",
                exitCode: 74)
        }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }
}
