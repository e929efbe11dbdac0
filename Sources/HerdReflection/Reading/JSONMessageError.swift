/// Why a JSON text is not a message.
package struct JSONMessageError: Error, Equatable, CustomStringConvertible {
    /// The value that is wrong, as `goals.goals[2].lambda`; empty where it is the text as a whole.
    package let path: String
    /// What is wrong with it and what is allowed.
    package let reason: String

    /// A sentence for a person, without a full stop.
    package var description: String { path.isEmpty ? reason : "\(path): \(reason)" }
}
