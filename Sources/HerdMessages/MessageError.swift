internal import CMessages

/// Why bytes are not a message.
public struct MessageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of thing is wrong.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public var rawValue: UInt8

        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// The bytes are no message of the type: cut off, an impossible tag, a field of another type.
        public static var malformed: Code { Code(rawValue: 1) }
        /// Messages are nested more than 32 deep.
        public static var tooDeep: Code { Code(rawValue: 2) }
        /// A text is no valid UTF-8.
        public static var notUTF8: Code { Code(rawValue: 3) }
        /// A text contains U+0000.
        public static var containsNUL: Code { Code(rawValue: 4) }
        /// Decoding would take more than eight times the packed size, or there are more than 262,144 fields.
        public static var tooLarge: Code { Code(rawValue: 5) }
        /// There is not enough memory.
        public static var noMemory: Code { Code(rawValue: 6) }
    }

    /// What kind of thing is wrong.
    public var code: Code
    /// The message's full name.
    public var message: String
    /// The field from the message down, names joined by dots; empty where it is the message as a whole.
    public var field: String
    /// Where in the packed bytes.
    public var offset: Int
    /// The end of the sentence: what is wrong and, where something helps, what does.
    public var reason: String

    /// A sentence for a person.
    public var description: String {
        let name = field.isEmpty ? message : "\(message).\(field)"
        return "\(name) is not acceptable at byte \(offset): \(reason)."
    }
}

extension MessageError {
    /// The error of a scan that failed.
    init(_ report: inout herd_scan_report, message: String) {
        self.code = Code(rawValue: UInt8(truncatingIfNeeded: report.status.rawValue))
        self.message = message
        self.offset = report.offset
        self.reason = report.reason.map { String(cString: $0) } ?? ""
        var names: [String] = []
        var index: UInt32 = 0
        while let name = herd_scan_path_name(&report, index) {
            names.append(String(cString: name))
            index += 1
        }
        self.field = names.joined(separator: ".")
    }
}
