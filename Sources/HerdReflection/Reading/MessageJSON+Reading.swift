package import CMessages
package import HerdJSON
package import HerdMessages

extension MessageJSON {
    /// The packed message that a JSON text describes, by protobuf's JSON mapping: fields by their own or their
    /// lowerCamelCase name, enums by name or number, 64-bit integers and floating-point values as numbers or strings,
    /// bytes as base64, maps as objects; null leaves a field out.
    ///
    /// Refused, with the value's path: fields the message does not have, fields and oneofs given twice, values of
    /// another type or out of range, U+0000 in a text, and what `Message.init(packed:)` refuses.
    ///
    /// - Parameter keepsUnknownNumbers: Takes enum numbers without a name, as protobuf does; false refuses them, as
    ///   whoever acts on the message would take the default for them.
    package static func packed(
        _ json: [UInt8], as type: any Message.Type, keepsUnknownNumbers: Bool = true
    ) throws(JSONMessageError) -> [UInt8] {
        guard let type = type as? any GeneratedMessage.Type else {
            throw JSONMessageError(path: "", reason: "\(type.fullName) cannot be written as JSON")
        }
        let node: JSONNode
        do throws(JSONCursor.Failure) {
            node = try JSONNode(reading: json, name: "the JSON text")
        } catch {
            throw JSONMessageError(path: "", reason: error.reason)
        }
        var writer = WireWriter(keepsUnknownNumbers: keepsUnknownNumbers)
        return try repacked(try writer.message(node, type.descriptor), as: type)
    }

    /// The packed message that `node` describes; not in canonical form.
    package static func packed(
        _ node: JSONNode, as descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    ) throws(JSONMessageError) -> [UInt8] {
        var writer = WireWriter(keepsUnknownNumbers: true)
        return try writer.message(node, descriptor)
    }

    private static func repacked<M: GeneratedMessage>(
        _ packed: [UInt8], as type: M.Type
    ) throws(JSONMessageError) -> [UInt8] {
        do throws(MessageError) {
            return try M(packed: packed).pack()
        } catch {
            throw JSONMessageError(path: error.field, reason: error.reason)
        }
    }
}
