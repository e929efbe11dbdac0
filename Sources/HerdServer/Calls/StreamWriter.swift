package import HerdFrames
package import HerdMessages
import HerdTransport
package import NIOCore

/// Where a streaming handler sends its messages.
package struct StreamWriter<Response: Message>: Sendable {
    let call: ServerCall

    /// Sends one message, as soon as the caller has credit for it and the connection has room.
    ///
    /// Throws why the call was stopped (CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE), or RESOURCE_EXHAUSTED for a message
    /// over the frame limit. Not for several tasks at once where their order matters.
    package func send(_ message: Response) async throws(CallError) {
        try await call.waitForCredit()
        let prepared = message.prepared()
        try call.send(payloadCount: prepared.size) { _ = prepared.write(to: $0) }
    }

    /// The same for a message that may wait for the next one to go with it, but for no longer than `time`.
    package func send(_ message: Response, within time: TimeAmount) async throws(CallError) {
        try await call.waitForCredit()
        let prepared = message.prepared()
        try call.send(payloadCount: prepared.size, within: time) { _ = prepared.write(to: $0) }
    }
}

/// Where a forwarding handler sends messages as they came.
package struct RawStreamWriter: Sendable {
    let call: ServerCall

    /// Sends one packed message; waits and throws as `StreamWriter.send` does.
    package func send(_ message: [UInt8]) async throws(CallError) {
        try await call.waitForCredit()
        try call.send(payloadCount: message.count) { $0.copyBytes(from: message) }
    }
}
