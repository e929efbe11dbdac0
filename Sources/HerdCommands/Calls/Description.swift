package import HerdJSON
package import HerdReflection

/// What a name of a descriptor set stands for, in both of its forms.
package struct Description {
    package let text: String
    package let json: JSONNode

    /// - Parameter name: A full name, or as much of its end as no other shares.
    package static func named(_ name: String, in set: DescriptorSet) throws(CommandFailure) -> Description {
        let methods = set.services.flatMap(\.methods)
        let messages = set.messages.filter { !$0.isMapEntry }
        let names = methods.map(\.path) + set.services.map(\.name) + messages.map(\.name) + set.enums.map(\.name)
        let full = try resolve(name, among: names)
        if let method = methods.first(where: { $0.path == full }) {
            let names = set.names(reachedFrom: [method.request, method.response])
            guard case .object(let members) = set.json(of: method) else { return Description(text: "", json: .null) }
            let types: [(key: String, value: JSONNode)] = [
                ("messages", .array(names.compactMap(set.message(named:)).map(set.json(of:)))),
                ("enums", .array(names.compactMap(set.enumeration(named:)).map(set.json(of:)))),
            ]
            return Description(text: set.text(of: method), json: .object(members + types))
        }
        if let service = set.services.first(where: { $0.name == full }) {
            return Description(text: set.text(of: service), json: set.json(of: service))
        }
        if let enumeration = set.enumeration(named: full) {
            return Description(text: set.text(of: enumeration), json: set.json(of: enumeration))
        }
        guard let message = set.message(named: full) else { throw CommandFailure("'\(full)' is gone", exitCode: 70) }
        return Description(text: set.text(of: message), json: set.json(of: message))
    }

    private static func resolve(_ name: String, among names: [String]) throws(CommandFailure) -> String {
        if names.contains(name) { return name }
        let found = names.filter { $0.hasSuffix("." + name) || $0.hasSuffix("/" + name) }
        if found.count == 1, let only = found.first { return only }
        guard found.isEmpty else {
            throw CommandFailure(
                "'\(PrintableText.escaped(name))' may be any of \(found.joined(separator: ", ")); write more of it",
                exitCode: 64)
        }
        let ends = names.flatMap { [$0, MethodName.short($0), MethodName.last($0)] }
        let meant = NearestName.of(name, among: ends).map { "did you mean \($0)? " } ?? ""
        throw CommandFailure(
            "there is no method, service, message or enum '\(PrintableText.escaped(name))'; \(meant)"
                + "herdctl describe lists the methods", exitCode: 66)
    }
}
