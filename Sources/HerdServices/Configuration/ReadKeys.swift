import Configuration
import NIOConcurrencyHelpers

/// Records what is read: the list of all keys, and the first value that is of the wrong kind, which the reader would
/// silently replace by the default.
final class ReadKeys: AccessReporter {
    private struct State {
        var keys: Set<String> = []
        var failure: String?
    }

    private let state = NIOLockedValueBox(State())

    func report(_ event: AccessEvent) {
        let key = event.metadata.key.components.joined(separator: ".")
        var failure: String?
        if let error = event.conversionError { failure = "\(error)" }
        if case .failure(let error) = event.result { failure = "\(error)" }
        // A provider behind the one that answered may hold a wrong value too, which is a mistake all the same.
        for provider in event.providerResults {
            if case .failure(let error) = provider.result { failure = "\(error)" }
        }
        let kind = event.metadata.valueType.rawValue
        state.withLockedValue { state in
            state.keys.insert(key)
            if let failure, state.failure == nil { state.failure = "\(key) must be of the kind \(kind): \(failure)" }
        }
    }

    var all: Set<String> { state.withLockedValue { $0.keys } }

    /// A sentence that names the key.
    var failure: String? { state.withLockedValue { $0.failure } }
}
