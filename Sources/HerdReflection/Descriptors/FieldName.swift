/// How a field is called in JSON.
enum FieldName {
    /// protobuf's rule: an underscore is left out and the letter after it becomes upper case.
    static func lowerCamelCase(_ name: String) -> String {
        var result: [UInt8] = []
        var raises = false
        for byte in name.utf8 {
            if byte == UInt8(ascii: "_") {
                raises = true
            } else {
                result.append(raises && (0x61...0x7A).contains(byte) ? byte - 0x20 : byte)
                raises = false
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
