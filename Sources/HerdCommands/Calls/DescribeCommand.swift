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
            answers it: yes, no, or forwarded to a server behind it that may answer. A method is shown with all types it needs, as in a .proto file.

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
                served?.service(of: method.path).rawValue ?? "",
            ])
        }
        return table.text
    }

    private static func json(_ descriptors: DescriptorSet, _ served: ServedMethods?) -> JSONNode {
        let methods = descriptors.services.flatMap(\.methods).map { method -> JSONNode in
            guard case .object(let members) = descriptors.json(of: method), let served else {
                return descriptors.json(of: method)
            }
            let service = served.service(of: method.path)
            return .object(
                members + [("served", .bool(service == .yes)), ("forwarded", .bool(service == .forwarded))])
        }
        return .object([("methods", .array(methods))])
    }
}

/// The methods that a server answers, as its Status counts them.
package struct ServedMethods {
    package enum Service: String {
        /// The server answers the method itself.
        case yes
        case no
        /// It passes the method on; whether a server behind it answers is not known.
        case forwarded
    }

    private let paths: Set<String>
    private let prefixes: [String]

    init(_ client: HerdClient) async throws(CallError) {
        let status = try await client.call(HerdMessages.Admin.status, StatusRequest())
        self.init(names: status.methods.map(\.method))
    }

    /// - Parameter names: methods' paths; the prefix of those that are forwarded, "herd.v1.Scorer/", is one too.
    package init(names: [String]) {
        paths = Set(names)
        prefixes = names.filter { $0.hasSuffix("/") }
    }

    package func service(of path: String) -> Service {
        // Methods behind a prefix that the server knows the names of are counted each, but forwarded all the same.
        if prefixes.contains(where: { path.hasPrefix($0) }) { return .forwarded }
        return paths.contains(path) ? .yes : .no
    }
}
