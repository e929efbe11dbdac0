/// The field numbers of `herd.rpc.v1.Frame`.
enum FrameField: UInt32 {
    case kind = 1
    case call = 2
    case method = 3
    case timeout = 4
    case payload = 5
    case code = 6
    case message = 7
    case metadata = 8
    case credit = 9
    case version = 10

    var name: StaticString {
        switch self {
        case .kind: "kind"
        case .call: "call"
        case .method: "method"
        case .timeout: "timeout_us"
        case .payload: "payload"
        case .code: "code"
        case .message: "message"
        case .metadata: "metadata"
        case .credit: "credit"
        case .version: "version"
        }
    }

    /// Number and layout as they stand on the wire.
    var tag: UInt8 { UInt8(truncatingIfNeeded: rawValue << 3) | wireType.rawValue }

    var wireType: WireType {
        switch self {
        case .kind, .call, .timeout, .code, .credit, .version: .varint
        case .method, .payload, .message, .metadata: .lengthDelimited
        }
    }
}

/// How a field's value is laid out: the protobuf wire types that proto3 uses.
///
/// The two group types of proto2 (3 and 4) are taken for malformed.
enum WireType: UInt8 {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
    case fixed32 = 5
}
