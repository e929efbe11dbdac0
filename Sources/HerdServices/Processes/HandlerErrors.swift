import HerdFrames

/// Runs a handler and turns every error of the store and the domain into what its caller is told.
func answering<Response>(_ body: () async throws -> Response) async throws(CallError) -> Response {
    do {
        return try await body()
    } catch {
        throw CallError(handlerError: error)
    }
}

/// The same for a handler that answers at once.
func answering<Response>(_ body: () throws -> Response) throws(CallError) -> Response {
    do {
        return try body()
    } catch {
        throw CallError(handlerError: error)
    }
}
