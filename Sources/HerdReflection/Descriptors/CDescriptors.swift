import CMessages

/// protobuf-c's descriptors in Swift's terms.
extension ProtobufCFieldDescriptor {
    var isRepeated: Bool { label == PROTOBUF_C_LABEL_REPEATED }

    var isOneofMember: Bool { flags & UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue) != 0 }

    var isPacked: Bool { flags & UInt32(PROTOBUF_C_FIELD_FLAG_PACKED.rawValue) != 0 }

    var protoName: String { String(cString: name) }

    /// Of a field of message type.
    var messageDescriptor: UnsafePointer<ProtobufCMessageDescriptor>? {
        guard type == PROTOBUF_C_TYPE_MESSAGE else { return nil }
        return descriptor?.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
    }

    /// Of a field of enum type.
    var enumDescriptor: UnsafePointer<ProtobufCEnumDescriptor>? {
        guard type == PROTOBUF_C_TYPE_ENUM else { return nil }
        return descriptor?.assumingMemoryBound(to: ProtobufCEnumDescriptor.self)
    }

    /// protoc-c turns `map<K, V> costs` into a repeated message `...CostsEntry` with the fields key and value.
    var isMap: Bool {
        guard isRepeated, let entry = messageDescriptor?.pointee, entry.n_fields == 2 else { return false }
        return String(cString: entry.name).hasSuffix("Entry") && entry.fields[0].protoName == "key"
            && entry.fields[1].protoName == "value"
    }
}

extension UnsafePointer<ProtobufCMessageDescriptor> {
    var fields: UnsafeBufferPointer<ProtobufCFieldDescriptor> {
        UnsafeBufferPointer(start: pointee.fields, count: Int(pointee.n_fields))
    }

    var protoName: String { String(cString: pointee.name) }
}

extension UnsafePointer<ProtobufCMessage> {
    var fields: UnsafeBufferPointer<ProtobufCFieldDescriptor> {
        pointee.descriptor?.fields ?? UnsafeBufferPointer(start: nil, count: 0)
    }
}

extension UnsafePointer<ProtobufCEnumDescriptor> {
    /// Every value, by name.
    var values: [(name: String, number: Int32)] {
        (0..<Int(pointee.n_values)).map { (String(cString: pointee.values[$0].name), pointee.values[$0].value) }
    }
}
