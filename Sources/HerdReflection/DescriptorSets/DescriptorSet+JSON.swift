package import HerdJSON

/// Descriptions for programs.
extension DescriptorSet {
    package func json(of method: DescribedMethod) -> JSONNode {
        .object([
            ("method", .string(method.path)), ("request", .string(method.request)),
            ("response", .string(method.response)), ("streaming", .bool(method.isStreaming)),
            ("idempotency", .string(method.idempotency.name)), ("comment", .string(method.comment)),
        ])
    }

    package func json(of service: DescribedService) -> JSONNode {
        .object([
            ("service", .string(service.name)), ("comment", .string(service.comment)),
            ("methods", .array(service.methods.map(json(of:)))),
        ])
    }

    package func json(of message: DescribedMessage) -> JSONNode {
        let fields = message.fields.map { field -> JSONNode in
            let oneof = field.oneof.flatMap { message.oneofs.indices.contains($0) ? message.oneofs[$0] : nil }
            return .object([
                ("name", .string(field.name)), ("number", .number(field.number)), ("type", .string(type(of: field))),
                ("oneof", oneof.map(JSONNode.string) ?? .null), ("comment", .string(field.comment)),
            ])
        }
        return .object([
            ("message", .string(message.name)), ("comment", .string(message.comment)), ("fields", .array(fields)),
        ])
    }

    package func json(of enumeration: DescribedEnum) -> JSONNode {
        let values = enumeration.values.map { value -> JSONNode in
            .object([
                ("name", .string(value.name)), ("number", .number(value.number)), ("comment", .string(value.comment)),
            ])
        }
        return .object([
            ("enum", .string(enumeration.name)), ("comment", .string(enumeration.comment)), ("values", .array(values)),
        ])
    }
}
