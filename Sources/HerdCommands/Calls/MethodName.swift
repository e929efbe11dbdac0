package import HerdMessages
import HerdReflection

/// A method as people write it.
package enum MethodName {
    /// The compiled-in method that `name` stands for: its path, `herd.v1.Router/Route`, or as much of its end as no
    /// other method shares, `Router/Route` or `Feedback`.
    package static func resolve(
        _ name: String, among methods: [MethodDescription] = MethodDescription.all
    ) throws(CommandFailure) -> MethodDescription {
        let path = try resolve(name, paths: methods.map(\.path))
        guard let method = methods.first(where: { $0.path == path }) else {
            throw CommandFailure("there is no method '\(PrintableText.escaped(name))'", exitCode: 64)
        }
        return method
    }

    static func resolve(_ name: String, paths: [String]) throws(CommandFailure) -> String {
        if paths.contains(name) { return name }
        let found = paths.filter { $0.hasSuffix("/" + name) || $0.hasSuffix("." + name) }
        if found.count == 1, let path = found.first { return path }
        guard found.isEmpty else {
            throw CommandFailure(
                "'\(name)' may be any of \(found.map(short).joined(separator: ", ")); name the service too",
                exitCode: 64)
        }
        let names = paths + paths.map(short) + paths.map(last)
        let meant = NearestName.of(name, among: names).map { "did you mean \($0)? " } ?? ""
        throw CommandFailure(
            "there is no method '\(PrintableText.escaped(name))'; \(meant)herdctl describe lists all of them",
            exitCode: 64)
    }

    /// "Router/Route".
    static func short(_ path: String) -> String {
        let slash = path.lastIndex(of: "/") ?? path.endIndex
        let dot = path[..<slash].lastIndex(of: ".")
        return String(path[(dot.map { path.index(after: $0) } ?? path.startIndex)...])
    }

    /// "Route".
    static func last(_ path: String) -> String {
        String(path[(path.lastIndex { $0 == "/" || $0 == "." }.map { path.index(after: $0) } ?? path.startIndex)...])
    }
}
