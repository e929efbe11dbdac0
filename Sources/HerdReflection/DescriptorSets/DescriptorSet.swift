/// What a google.protobuf.FileDescriptorSet says of services, messages and enums.
///
/// The numbers of fields are those of google/protobuf/descriptor.proto; what is not shown to people is passed over.
package struct DescriptorSet: Sendable {
    package private(set) var services: [DescribedService] = []
    /// Nested ones too, each after the message it is in.
    package private(set) var messages: [DescribedMessage] = []
    package private(set) var enums: [DescribedEnum] = []

    /// Bytes that are no FileDescriptorSet.
    package struct Failure: Error, CustomStringConvertible {
        package var description: String { "the bytes are no FileDescriptorSet" }
    }

    /// Messages within messages; deeper is refused.
    private static let maximumDepth = 32

    package init(packed: [UInt8]) throws(Failure) {
        do throws(ProtobufReader.Failure) {
            try Self.each(packed[...]) { (number, value) throws(ProtobufReader.Failure) in
                if number == 1 { try file(try value.content()) }
            }
        } catch {
            throw Failure()
        }
    }

    private static func each(
        _ bytes: ArraySlice<UInt8>,
        _ body: (UInt64, ProtobufReader.Value) throws(ProtobufReader.Failure) -> Void
    ) throws(ProtobufReader.Failure) {
        var reader = ProtobufReader(bytes)
        while let (number, value) = try reader.next() { try body(number, value) }
    }

    // MARK: - Files

    private mutating func file(_ bytes: ArraySlice<UInt8>) throws(ProtobufReader.Failure) {
        var package = ""
        var parts: [(number: Int, content: ArraySlice<UInt8>)] = []
        var comments = Comments()
        try Self.each(bytes) { (number, value) throws(ProtobufReader.Failure) in
            switch number {
            case 2: package = value.text
            case 4, 5, 6: parts.append((Int(number), try value.content()))
            case 9: comments = try Comments(try value.content())
            default: break
            }
        }
        var counts: [Int: Int] = [:]
        for (number, content) in parts {
            let place = Place(scope: package, path: [number, counts[number, default: 0]], comments: comments)
            counts[number, default: 0] += 1
            switch number {
            case 4: try message(content, place, depth: 0)
            case 5: enums.append(try Self.enumeration(content, place))
            default: services.append(try Self.service(content, place))
            }
        }
    }

    // MARK: - Messages and enums

    private mutating func message(
        _ bytes: ArraySlice<UInt8>, _ place: Place, depth: Int
    ) throws(ProtobufReader.Failure) {
        guard depth < Self.maximumDepth else { throw ProtobufReader.Failure() }
        var result = DescribedMessage(comment: place.comment)
        var fields = 0
        var parts: [(number: Int, content: ArraySlice<UInt8>)] = []
        try Self.each(bytes) { (number, value) throws(ProtobufReader.Failure) in
            switch number {
            case 1: result.name = place.name(value.text)
            case 2:
                result.fields.append(try Self.field(try value.content(), place.inside(2, fields)))
                fields += 1
            case 3, 4: parts.append((Int(number), try value.content()))
            case 7:
                try Self.each(try value.content()) { (number, value) throws(ProtobufReader.Failure) in
                    if number == 7 { result.isMapEntry = value.number != 0 }
                }
            case 8:
                try Self.each(try value.content()) { (number, value) throws(ProtobufReader.Failure) in
                    if number == 1 { result.oneofs.append(value.text) }
                }
            default: break
            }
        }
        messages.append(result)
        var counts: [Int: Int] = [:]
        for (number, content) in parts {
            var inner = place.inside(number, counts[number, default: 0])
            inner.scope = result.name
            counts[number, default: 0] += 1
            if number == 3 {
                try message(content, inner, depth: depth + 1)
            } else {
                enums.append(try Self.enumeration(content, inner))
            }
        }
    }

    private static func field(
        _ bytes: ArraySlice<UInt8>, _ place: Place
    ) throws(ProtobufReader.Failure) -> DescribedField {
        var result = DescribedField(comment: place.comment)
        var type = 0
        var typeName = ""
        try each(bytes) { (number, value) throws(ProtobufReader.Failure) in
            switch number {
            case 1: result.name = value.text
            case 3: result.number = value.number
            case 4: result.isRepeated = value.number == 3
            case 5: type = value.number
            case 6: typeName = value.text
            case 9: result.oneof = value.number
            case 17: result.isOptional = value.number != 0
            default: break
            }
        }
        if typeName.hasPrefix(".") { typeName.removeFirst() }
        result.refersTo = typeName.isEmpty ? nil : typeName
        result.type = result.refersTo ?? (scalars.indices.contains(type) ? scalars[type] : "type \(type)")
        return result
    }

    /// By FieldDescriptorProto.Type.
    private static let scalars = [
        "?", "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "group", "message",
        "bytes", "uint32", "enum", "sfixed32", "sfixed64", "sint32", "sint64",
    ]

    private static func enumeration(
        _ bytes: ArraySlice<UInt8>, _ place: Place
    ) throws(ProtobufReader.Failure) -> DescribedEnum {
        var result = DescribedEnum(comment: place.comment)
        try each(bytes) { (number, value) throws(ProtobufReader.Failure) in
            switch number {
            case 1: result.name = place.name(value.text)
            case 2:
                var entry = DescribedEnum.Value(comment: place.inside(2, result.values.count).comment)
                try each(try value.content()) { (number, value) throws(ProtobufReader.Failure) in
                    if number == 1 { entry.name = value.text }
                    if number == 2 { entry.number = value.number }
                }
                result.values.append(entry)
            default: break
            }
        }
        return result
    }

    // MARK: - Services

    private static func service(
        _ bytes: ArraySlice<UInt8>, _ place: Place
    ) throws(ProtobufReader.Failure) -> DescribedService {
        var result = DescribedService(comment: place.comment)
        var methods: [DescribedMethod] = []
        try each(bytes) { (number, value) throws(ProtobufReader.Failure) in
            if number == 1 { result.name = place.name(value.text) }
            if number == 2 { methods.append(try method(try value.content(), place.inside(2, methods.count))) }
        }
        for index in methods.indices { methods[index].path = "\(result.name)/\(methods[index].path)" }
        result.methods = methods
        return result
    }

    private static func method(
        _ bytes: ArraySlice<UInt8>, _ place: Place
    ) throws(ProtobufReader.Failure) -> DescribedMethod {
        var result = DescribedMethod(comment: place.comment)
        try each(bytes) { (number, value) throws(ProtobufReader.Failure) in
            switch number {
            case 1: result.path = value.text
            case 2: result.request = String(value.text.drop { $0 == "." })
            case 3: result.response = String(value.text.drop { $0 == "." })
            case 4:
                try each(try value.content()) { (number, value) throws(ProtobufReader.Failure) in
                    if number == 34 { result.idempotency = DescribedMethod.Idempotency(rawValue: value.number) }
                }
            case 5: result.isClientStreaming = value.number != 0
            case 6: result.isStreaming = value.number != 0
            default: break
            }
        }
        return result
    }
}

// MARK: - Comments

/// Where in a file something is: its enclosing name, and its path as SourceCodeInfo numbers it.
private struct Place {
    var scope: String
    var path: [Int]
    let comments: Comments

    var comment: String { comments.at(path) }

    func name(_ name: String) -> String { scope.isEmpty ? name : "\(scope).\(name)" }

    func inside(_ number: Int, _ index: Int) -> Place {
        Place(scope: scope, path: path + [number, index], comments: comments)
    }
}

/// What stands before, or behind, the things of a file.
private struct Comments {
    private var byPath: [[Int]: String] = [:]

    init() {}

    init(_ bytes: ArraySlice<UInt8>) throws(ProtobufReader.Failure) {
        var reader = ProtobufReader(bytes)
        while let (number, value) = try reader.next() {
            guard number == 1 else { continue }
            var path: [Int] = []
            var comment = ""
            var location = ProtobufReader(try value.content())
            while let (number, value) = try location.next() {
                switch number {
                case 1:
                    var numbers = ProtobufReader(try value.content())
                    while !numbers.isAtEnd { path.append(Int(truncatingIfNeeded: try numbers.varint())) }
                case 3, 4: comment += value.text
                default: break
                }
            }
            if !comment.isEmpty { byPath[path] = comment }
        }
    }

    /// Without the space that follows the slashes.
    func at(_ path: [Int]) -> String {
        let lines = (byPath[path] ?? "").split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.hasPrefix(" ") ? line.dropFirst() : line
        }
        return lines.joined(separator: "\n").trimmingEnd()
    }
}

extension String {
    fileprivate func trimmingEnd() -> String {
        var text = self[...]
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
