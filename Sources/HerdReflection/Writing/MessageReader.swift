import CMessages
import HerdJSON

/// Walks protobuf-c's struct of a message by its descriptor.
enum MessageReader {
    static func object(_ message: UnsafePointer<ProtobufCMessage>) -> JSONNode {
        var members: [(key: String, value: JSONNode)] = []
        for field in message.fields {
            if let value = value(of: field, in: UnsafeRawPointer(message)) {
                members.append((String(cString: field.name), value))
            }
        }
        return .object(members)
    }

    /// Nil for a field that is absent: an unset message, or an alternative of a oneof that was not chosen.
    private static func value(of field: ProtobufCFieldDescriptor, in message: UnsafeRawPointer) -> JSONNode? {
        let place = message + Int(field.offset)
        let quantifier = message + Int(field.quantifier_offset)
        if field.label == PROTOBUF_C_LABEL_REPEATED {
            return list(of: field, count: quantifier.load(as: Int.self), at: place)
        }
        if field.flags & UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue) != 0,
            quantifier.load(as: UInt32.self) != field.id
        {
            return nil
        }
        return element(of: field, at: place)
    }

    private static func list(
        of field: ProtobufCFieldDescriptor, count: Int, at place: UnsafeRawPointer
    ) -> JSONNode {
        guard count > 0, let start = place.load(as: UnsafeRawPointer?.self) else {
            return field.isMap ? .object([]) : .array([])
        }
        let stride = stride(of: field)
        let items = (0..<count).compactMap { element(of: field, at: start + $0 * stride) }
        guard field.isMap else { return .array(items) }
        var members: [(key: String, value: JSONNode)] = []
        for case .object(let entry) in items {
            guard let key = entry.first(where: { $0.key == "key" })?.value else { continue }
            let name = if case .string(let text) = key { text } else { key.text() }
            members.append((name, entry.first { $0.key == "value" }?.value ?? .null))
        }
        members.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        return .object(members)
    }

    private static func element(of field: ProtobufCFieldDescriptor, at place: UnsafeRawPointer) -> JSONNode? {
        switch field.type {
        case PROTOBUF_C_TYPE_INT32, PROTOBUF_C_TYPE_SINT32, PROTOBUF_C_TYPE_SFIXED32:
            return .number(place.load(as: Int32.self))
        case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_SFIXED64:
            return .number(place.load(as: Int64.self))
        case PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_TYPE_FIXED32: return .number(place.load(as: UInt32.self))
        case PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64: return .number(place.load(as: UInt64.self))
        case PROTOBUF_C_TYPE_FLOAT:
            let value = place.load(as: Float.self)
            return value.isFinite ? .number(value) : .string(SpecialNumber(value).rawValue)
        case PROTOBUF_C_TYPE_DOUBLE:
            let value = place.load(as: Double.self)
            return value.isFinite ? .number(value) : .string(SpecialNumber(value).rawValue)
        case PROTOBUF_C_TYPE_BOOL: return .bool(place.load(as: Int32.self) != 0)
        case PROTOBUF_C_TYPE_ENUM: return name(ofEnum: place.load(as: Int32.self), of: field)
        case PROTOBUF_C_TYPE_STRING:
            guard let text = place.load(as: UnsafePointer<CChar>?.self) else { return .string("") }
            return .string(String(cString: text))
        case PROTOBUF_C_TYPE_BYTES:
            let bytes = place.load(as: ProtobufCBinaryData.self)
            return .string(Base64.encoded(UnsafeBufferPointer(start: bytes.data, count: bytes.len)))
        case PROTOBUF_C_TYPE_MESSAGE:
            return place.load(as: UnsafePointer<ProtobufCMessage>?.self).map(object)
        default: return nil
        }
    }

    private static func stride(of field: ProtobufCFieldDescriptor) -> Int {
        switch field.type {
        case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_SFIXED64, PROTOBUF_C_TYPE_UINT64,
            PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_DOUBLE, PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_MESSAGE:
            8
        case PROTOBUF_C_TYPE_BYTES: MemoryLayout<ProtobufCBinaryData>.stride
        default: 4
        }
    }

    private static func name(ofEnum value: Int32, of field: ProtobufCFieldDescriptor) -> JSONNode {
        guard let raw = field.descriptor else { return .number(value) }
        let descriptor = raw.assumingMemoryBound(to: ProtobufCEnumDescriptor.self)
        guard let found = protobuf_c_enum_descriptor_get_value(descriptor, value) else { return .number(value) }
        return .string(String(cString: found.pointee.name))
    }
}
