package import HerdFrames

/// Keeps what is done to a server.
package protocol AuditRecorder: Sendable {
    /// Whether the calls of a method are kept.
    ///
    /// - Parameter method: its path, or the prefix under which unknown methods are passed on.
    func records(_ method: String) -> Bool

    /// Runs a call, which has to be noted before it is begun; gives the code it ended with.
    ///
    /// - Throws: what the caller is told where it can't be noted, and so is not run.
    func record(
        _ method: String, payload: [UInt8], _ context: CallContext, _ run: () async -> StatusCode
    ) async throws(CallError) -> StatusCode

    /// Notes a call that was answered at once.
    func note(_ method: String, payload: [UInt8], _ context: CallContext, _ code: StatusCode)
}
