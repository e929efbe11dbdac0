/// Descriptions in the syntax of .proto files.
extension DescriptorSet {
    package func message(named name: String) -> DescribedMessage? { messages.first { $0.name == name } }

    package func enumeration(named name: String) -> DescribedEnum? { enums.first { $0.name == name } }

    /// A service with all its methods.
    package func text(of service: DescribedService) -> String {
        let methods = service.methods.map { Self.comment($0.comment, "  ") + "  " + Self.line(of: $0) }
        return Self.comment(service.comment, "") + "service \(service.name) {\n" + methods.joined() + "}\n"
    }

    /// A method, then every message and enum it needs, each once.
    package func text(of method: DescribedMethod) -> String {
        var text = Self.comment(method.comment, "") + "// \(method.path)\n" + Self.line(of: method)
        for name in names(reachedFrom: [method.request, method.response]) {
            if let message = message(named: name) { text += "\n" + self.text(of: message) }
            if let enumeration = enumeration(named: name) { text += "\n" + self.text(of: enumeration) }
        }
        return text
    }

    package func text(of message: DescribedMessage) -> String {
        guard !message.fields.isEmpty else { return Self.comment(message.comment, "") + "message \(message.name) {}\n" }
        var text = Self.comment(message.comment, "") + "message \(message.name) {\n"
        var open: Int?
        for field in message.fields {
            let oneof = field.isOptional ? nil : field.oneof
            if oneof != open {
                if open != nil { text += "  }\n" }
                if let oneof {
                    text += "  oneof \(message.oneofs.indices.contains(oneof) ? message.oneofs[oneof] : "?") {\n"
                }
                open = oneof
            }
            let indent = open == nil ? "  " : "    "
            text += Self.comment(field.comment, indent)
            text += "\(indent)\(type(of: field)) \(field.name) = \(field.number);\n"
        }
        if open != nil { text += "  }\n" }
        return text + "}\n"
    }

    package func text(of enumeration: DescribedEnum) -> String {
        var text = Self.comment(enumeration.comment, "") + "enum \(enumeration.name) {\n"
        for value in enumeration.values {
            text += Self.comment(value.comment, "  ") + "  \(value.name) = \(value.number);\n"
        }
        return text + "}\n"
    }

    /// "repeated string", "map<string, double>", "optional uint32".
    package func type(of field: DescribedField) -> String {
        if field.isRepeated, let entry = field.refersTo.flatMap(message(named:)), entry.isMapEntry,
            let key = entry.fields.first, let value = entry.fields.last
        {
            return "map<\(key.type), \(value.type)>"
        }
        return (field.isRepeated ? "repeated " : field.isOptional ? "optional " : "") + field.type
    }

    private static func line(of method: DescribedMethod) -> String {
        let name = method.path.split(separator: "/").last ?? ""
        let request = (method.isClientStreaming ? "stream " : "") + method.request
        let response = (method.isStreaming ? "stream " : "") + method.response
        let option =
            method.idempotency == .unknown ? ";" : " { option idempotency_level = \(method.idempotency.name); }"
        return "rpc \(name)(\(request)) returns (\(response))\(option)\n"
    }

    private static func comment(_ comment: String, _ indent: String) -> String {
        guard !comment.isEmpty else { return "" }
        return comment.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.isEmpty ? "\(indent)//\n" : "\(indent)// \($0)\n" }.joined()
    }

    /// The types that a value of the given ones can hold, in the order they are met; without the entries of maps.
    package func names(reachedFrom roots: [String]) -> [String] {
        var reached: [String] = []
        var seen = Set<String>()
        var open = Array(roots.reversed())
        while let name = open.popLast() {
            guard seen.insert(name).inserted else { continue }
            let message = message(named: name)
            if message?.isMapEntry != true { reached.append(name) }
            open += (message?.fields.compactMap(\.refersTo) ?? []).reversed()
        }
        return reached
    }
}
