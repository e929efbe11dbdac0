import HerdFrames
import HerdMessages

/// A request that could be answered from its bytes, had the cache its prediction.
struct MissedRoute: Sendable {
    let fingerprint: UInt128
    let predictor: FollowedPredictor
    let packed: [UInt8]
    let tenant: [UInt8]
    /// Where in `packed` the prompt is; it is valid UTF-8.
    let prompt: Range<Int>

    var text: String { String(decoding: packed[prompt], as: UTF8.self) }

    var tenantName: String { String(decoding: tenant, as: UTF8.self) }

    /// The request unpacked, for the long way.
    func request() throws(CallError) -> RouteRequest {
        do {
            return try packed.withUnsafeBytes { try RouteRequest(packed: $0) }
        } catch {
            throw CallError(.invalidArgument, "\(error)")
        }
    }
}
