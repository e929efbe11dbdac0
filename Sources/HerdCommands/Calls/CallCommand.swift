package import ArgumentParser
package import HerdClient
import HerdFrames
import HerdMessages
import HerdReflection

package struct CallCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "call", abstract: "Call any method with a request in JSON.",
        discussion: """
            The request is a JSON object with the fields of the method's message, by protobuf's JSON mapping; herdctl
            describe METHOD shows them. Without one the request is empty. Bytes are base64.

            A single reply is printed as one JSON object, on one line where standard output is no terminal; a stream as
            one line a message, as they come. An error goes to standard error with its metadata, and its code sets the
            exit code. Ctrl-C takes the call back.

            EXAMPLES
              herdctl call Router/Route '{"prompt": "What is 2 + 2?", "explain": true}'
              herdctl call Scorer/Import @request.json
              herdctl describe Router/Route
              herdctl call Admin/Probe '{"count": 3, "bytes": 8}' --timeout 10
            """)

    @Argument(help: "The method, herd.v1.Router/Route, or as much of its end as no other shares: Router/Route.")
    var method: String
    @Argument(help: "The request in JSON; - reads standard input, @FILE a file.")
    var request: String?
    @Option(help: ArgumentHelp("Sent along, e.g. tenant=acme; may be repeated.", valueName: "key=value"))
    var metadata: [String] = []
    @Flag(help: "Print a single reply on one line even on a terminal.")
    var json = false
    @OptionGroup package var connection: ConnectionOptions

    package init() {}

    package func run(with client: HerdClient) async throws {
        let method = try MethodName.resolve(method)
        let metadata = try CallMetadata.parse(metadata)
        let json = try RequestInput.read(request)
        let payload: [UInt8]
        do throws(JSONMessageError) {
            payload = try MessageJSON.packed(json, as: method.request, keepsUnknownNumbers: false)
        } catch {
            throw CommandFailure("\(error)", exitCode: 64)
        }
        do {
            if method.isStreaming {
                let messages = client.stream(
                    path: method.path, payload: payload, timeout: connection.streamTimeout, metadata: metadata)
                for try await message in messages { try printReply(message, of: method, onOneLine: true) }
            } else {
                let reply = try await client.call(path: method.path, payload: payload, metadata: metadata)
                try printReply(reply, of: method, onOneLine: self.json || !StandardOutput.isTerminal)
            }
        } catch let error as CallError {
            for (key, value) in error.metadata.sorted(by: { $0.key < $1.key }) {
                StandardError.print("herdctl: \(PrintableText.escaped(key)): \(PrintableText.escaped(value))")
            }
            throw error
        }
    }

    private func printReply(_ packed: [UInt8], of method: MethodDescription, onOneLine: Bool) throws {
        let reply: any Message
        do {
            reply = try method.response.init(packed: packed)
        } catch {
            throw CallError(.internal, "the answer to \(method.path) can't be read: \(error)", cause: error)
        }
        try StandardOutput.write(MessageJSON.text(of: reply, onOneLine: onOneLine) + "\n")
    }
}
