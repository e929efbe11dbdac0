import HerdFrames

extension CallError {
    /// The metadata key by which a service that the router forwards to says that it is there and something else is not.
    static let unavailableKey = "unavailable"

    /// Of the failure of a model's call: an UNAVAILABLE is the model's, not that of the service that passes it on.
    var metadataOfModel: [String: String] {
        guard code == .unavailable else { return metadata }
        return metadata.merging([Self.unavailableKey: "model"]) { _, own in own }
    }
}
