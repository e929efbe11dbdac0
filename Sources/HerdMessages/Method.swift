/// A method that is answered with one message.
public struct UnaryMethod<Request: Message, Response: Message>: Sendable {
    /// As on the wire: "herd.v1.Router/Route".
    public let path: String
    /// Whether a call that may have started can safely be made again.
    public let isIdempotent: Bool

    /// A method of the given path.
    public init(path: String, isIdempotent: Bool) {
        self.path = path
        self.isIdempotent = isIdempotent
    }

    /// The method without its types.
    public var description: MethodDescription {
        MethodDescription(
            path: path, isStreaming: false, isIdempotent: isIdempotent, request: Request.self, response: Response.self)
    }
}

/// A method that is answered with a stream of messages.
public struct StreamingMethod<Request: Message, Response: Message>: Sendable {
    /// As on the wire: "herd.v1.Router/Complete".
    public let path: String
    /// Whether a call that may have started can safely be made again.
    public let isIdempotent: Bool

    /// A method of the given path.
    public init(path: String, isIdempotent: Bool) {
        self.path = path
        self.isIdempotent = isIdempotent
    }

    /// The method without its types.
    public var description: MethodDescription {
        MethodDescription(
            path: path, isStreaming: true, isIdempotent: isIdempotent, request: Request.self, response: Response.self)
    }
}

/// What is known of a method without its types.
public struct MethodDescription: Sendable {
    /// As on the wire: "herd.v1.Router/Route".
    public let path: String
    /// Whether it is answered with a stream.
    public let isStreaming: Bool
    /// Whether a call that may have started can safely be made again.
    public let isIdempotent: Bool
    /// The type of what is asked.
    public let request: any Message.Type
    /// The type of the answer, or of each message of the stream.
    public let response: any Message.Type
}
