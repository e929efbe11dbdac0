/// What is wrong with bytes that should have been a frame.
///
/// All of them end the connection: after one, it is not known where the next frame begins, or the peer is broken.
public enum FrameError: Error, Hashable, Sendable {
    /// The length before the frame is over the limit; nothing of it was buffered.
    case tooLong(length: Int, limit: Int)
    /// The frame ends inside a field, or a length inside it points past its end.
    case truncated
    /// A varint of more than 10 bytes.
    case overlongInteger
    /// A tag with field number 0, or of a wire type that proto3 does not have.
    case invalidTag
    /// A known field is laid out otherwise than `frame.proto` says.
    case wrongWireType(field: String)
    /// A string field is not UTF-8.
    case invalidUTF8(field: String)
    /// More pairs of metadata than `limit`.
    case tooMuchMetadata(limit: Int)
    /// More fields than `limit`, known or unknown: a frame of nothing but tags would take long to read.
    case tooManyFields(limit: Int)
}

extension FrameError {
    /// The status code a GOAWAY for it carries.
    public var code: StatusCode {
        switch self {
        case .tooLong, .tooMuchMetadata, .tooManyFields: .resourceExhausted
        default: .invalidArgument
        }
    }
}

extension FrameError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong(let length, let limit):
            "a frame of \(length) bytes is over the limit of \(limit) bytes; send less in one frame"
        case .truncated:
            "the frame ends inside a field; send the length of the packed frame before it"
        case .overlongInteger:
            "the frame holds an integer of more than 10 bytes; pack it with a protobuf runtime"
        case .invalidTag:
            "the frame holds a tag that proto3 does not know; pack it with a protobuf runtime"
        case .wrongWireType(let field):
            "the frame's field \(field) has another type than in frame.proto; compile herd/rpc/v1/frame.proto anew"
        case .invalidUTF8(let field):
            "the frame's field \(field) is not valid UTF-8; send text as UTF-8 and bytes in the payload"
        case .tooMuchMetadata(let limit):
            "the frame has more than \(limit) pairs of metadata; send less"
        case .tooManyFields(let limit):
            "the frame has more than \(limit) fields; send each field of frame.proto once"
        }
    }
}
