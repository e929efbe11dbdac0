/// A service of a descriptor set.
package struct DescribedService: Sendable {
    /// With its package: "herd.v1.Router".
    package var name = ""
    package var comment: String
    package var methods: [DescribedMethod] = []
}

/// A method of a service.
package struct DescribedMethod: Sendable {
    /// google.protobuf.MethodOptions.IdempotencyLevel.
    package enum Idempotency: Int, Sendable {
        case unknown = 0
        case noSideEffects = 1
        case idempotent = 2

        package init(rawValue: Int) {
            self = rawValue == 1 ? .noSideEffects : rawValue == 2 ? .idempotent : .unknown
        }

        /// As in a .proto file.
        package var name: String {
            switch self {
            case .unknown: "IDEMPOTENCY_UNKNOWN"
            case .noSideEffects: "NO_SIDE_EFFECTS"
            case .idempotent: "IDEMPOTENT"
            }
        }
    }

    /// As on the wire: "herd.v1.Router/Route".
    package var path = ""
    package var comment: String
    /// Names of messages, with their package.
    package var request = ""
    package var response = ""
    package var isStreaming = false
    package var isClientStreaming = false
    package var idempotency = Idempotency.unknown
}

/// A message type.
package struct DescribedMessage: Sendable {
    /// With its package and the messages it is in.
    package var name = ""
    package var comment: String
    package var fields: [DescribedField] = []
    /// Names of the oneofs, in the order that fields refer to them by.
    package var oneofs: [String] = []
    /// The entry that a map field is made of.
    package var isMapEntry = false
}

/// A field of a message.
package struct DescribedField: Sendable {
    package var name = ""
    package var comment: String
    package var number = 0
    /// A scalar's name, or the name of the message or enum.
    package var type = ""
    /// The name of the message or enum, if it is one.
    package var refersTo: String?
    package var isRepeated = false
    /// Declared `optional`, which protobuf makes a oneof of.
    package var isOptional = false
    /// The index of its oneof.
    package var oneof: Int?
}

/// An enum type.
package struct DescribedEnum: Sendable {
    package struct Value: Sendable {
        package var name = ""
        package var comment: String
        package var number = 0
    }

    /// With its package and the messages it is in.
    package var name = ""
    package var comment: String
    package var values: [Value] = []
}
