package import ArgumentParser
package import HerdClient
import HerdFrames
import HerdJSON
import HerdMessages
import HerdReflection

package struct DescribeCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "describe", abstract: "Show the methods of a server, and what their messages hold.",
        discussion: """
            What the server itself says, so that methods this herdctl does not know are shown too. Without a name, all
            methods: a reply or a stream, whether a call that may have started may be repeated, whether this server
            answers it. A method is shown with all types it needs, as in a .proto file.

            EXAMPLES
              herdctl describe
              herdctl describe Router/Route
              herdctl describe herd.v1.Goals --local
              herdctl describe Registry --json
            """)

    @Argument(help: "A method, service, message or enum, or as much of its name's end as no other shares.")
    var name: String?
    @Flag(help: "What this herdctl was built with; no server is asked.")
    var local = false
    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run(with client: HerdClient) async throws {
        let served: ServedMethods? = local ? nil : try await ServedMethods(client)
        let packed = local ? FileDescriptors.packed : try await Self.descriptors(client)
        let descriptors: DescriptorSet
        do {
            descriptors = try DescriptorSet(packed: packed)
        } catch {
            throw CallError(.internal, "the server's description of itself can't be read: \(error)")
        }
        let found = try name.map { try Description.named($0, in: descriptors) }
        if let found {
            let text = output.json ? found.json.text() + "\n" : PrintableText.escaped(found.text, keepsLines: true)
            return try StandardOutput.write(text)
        }
        try StandardOutput.write(
            output.json
                ? Self.json(descriptors, served).text() + "\n" : Self.table(descriptors, served))
    }

    private static func descriptors(_ client: HerdClient) async throws -> [UInt8] {
        try await client.call(HerdMessages.Admin.describe, DescribeRequest()).fileDescriptorSet
    }

    private static func table(_ descriptors: DescriptorSet, _ served: ServedMethods?) -> String {
        var table = TextTable(
            [("METHOD", .left), ("ANSWER", .left), ("REPEATABLE", .left)] + (served == nil ? [] : [("SERVED", .left)]))
        for method in descriptors.services.flatMap(\.methods) {
            let repeatable =
                switch method.idempotency {
                case .unknown: "no"
                case .noSideEffects: "reads only"
                case .idempotent: "yes"
                }
            table.add([
                method.path, method.isStreaming ? "stream" : "one", repeatable,
                served?.contains(method.path) == true ? "yes" : "no",
            ])
        }
        return table.text
    }

    private static func json(_ descriptors: DescriptorSet, _ served: ServedMethods?) -> JSONNode {
        let methods = descriptors.services.flatMap(\.methods).map { method -> JSONNode in
            guard case .object(let members) = descriptors.json(of: method), let served else {
                return descriptors.json(of: method)
            }
            return .object(members + [("served", .bool(served.contains(method.path)))])
        }
        return .object([("methods", .array(methods))])
    }
}

/// The methods that a server answers, as its Status counts them.
struct ServedMethods {
    private let paths: Set<String>
    private let prefixes: [String]

    init(_ client: HerdClient) async throws(CallError) {
        let status = try await client.call(HerdMessages.Admin.status, StatusRequest())
        let names = status.methods.map(\.method)
        paths = Set(names)
        // What a router forwards without knowing it is counted under its prefix.
        prefixes = names.filter { $0.hasSuffix("/") }
    }

    func contains(_ path: String) -> Bool {
        paths.contains(path) || prefixes.contains { path.hasPrefix($0) }
    }
}
