public import HerdFrames
public import HerdMessages

/// The messages that answer a streaming call, in order; read once, by one task.
///
/// It throws `CallError` as unary calls do. The server sends no more than `ClientConfiguration.streamCredit` messages
/// ahead of the reader.
public struct CallStream<Response: Message>: AsyncSequence, Sendable {
    public typealias Element = Response
    public typealias Failure = CallError

    private let packed: PackedCallStream
    private let path: String

    init(packed: PackedCallStream, path: String) {
        self.packed = packed
        self.path = path
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(packed: packed.makeAsyncIterator(), path: path)
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var packed: PackedCallStream.AsyncIterator
        fileprivate let path: String

        public mutating func next() async throws(CallError) -> Response? {
            try await next(isolation: nil)
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(CallError) -> Response? {
            guard let message = try await packed.next(isolation: actor) else { return nil }
            return try Response(answer: message, of: path)
        }
    }
}

/// The packed messages that answer a streaming call, in order; read once, by one task.
public struct PackedCallStream: AsyncSequence, Sendable {
    public typealias Element = [UInt8]
    public typealias Failure = CallError

    let reader: CallReader

    init(_ reader: CallReader) {
        self.reader = reader
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(lease: reader.lease())
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let lease: ReadingLease?

        public mutating func next() async throws(CallError) -> [UInt8]? {
            try await next(isolation: nil)
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(CallError) -> [UInt8]? {
            guard let lease else {
                throw CallError(.failedPrecondition, "this stream was read before; make the call again")
            }
            return try await lease.reader.next()
        }
    }
}
