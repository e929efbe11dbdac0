import HerdFrames
import HerdMessages
import HerdStore

extension CallError {
    /// What a caller is told of a failure of the store: never a path, which stays in the log.
    init(_ error: StoreError) {
        switch error.code {
        case .resourceExhausted:
            self.init(
                .resourceExhausted, "the store is full or busy; remove data, raise store_max_bytes, or try again later",
                cause: error)
        case .diskFull, .notWritable:
            self.init(.resourceExhausted, "the store's disk is full or not writable; nothing was changed", cause: error)
        case .dataLoss:
            self.init(
                .dataLoss, "a stored record of table \(error.table ?? "?") is damaged; write it again", cause: error)
        case .closed: self.init(.unavailable, "the service is shutting down", cause: error)
        case .cancelled: self.init(.cancelled, "the call was cancelled", cause: error)
        case .invalidArgument: self.init(.invalidArgument, "a name or id is too long for the store", cause: error)
        default: self.init(.internal, "the store failed; see the service's log", cause: error)
        }
    }

    /// Any error of a handler as what its caller is told.
    init(handlerError error: any Error) {
        switch error {
        case let error as CallError: self = error
        case let error as StoreError: self.init(error)
        case let failure as JudgementFailure: self = failure.error
        case is CancellationError: self.init(.cancelled, "the call was cancelled")
        default: self.init(.internal, "the service failed; see its log", cause: error)
        }
    }
}

extension Message {
    /// Reads a stored record; DATA_LOSS where its bytes are no such message.
    init(stored bytes: [UInt8]) throws(CallError) {
        do throws(MessageError) {
            try self.init(packed: bytes)
        } catch {
            throw CallError(.dataLoss, "a stored record is damaged; write it again", cause: error)
        }
    }
}
