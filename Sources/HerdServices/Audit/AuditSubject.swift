import HerdServer
import HerdMessages

/// What a call was made about, for the audit log: a name, an id, a folder. Never a prompt, an answer or a credential.
enum AuditSubject {
    private static let longest = 200

    static func of(_ method: String, payload: [UInt8]) -> String {
        (text(method, payload) ?? "").shortened(toBytes: longest)
    }

    private static func text(_ method: String, _ payload: [UInt8]) -> String? {
        switch method {
        case Registry.putModel.path: read(PutModelRequest.self, payload)?.model?.name
        case Registry.removeModel.path: read(RemoveModelRequest.self, payload)?.name
        case Registry.putPolicy.path: read(PutPolicyRequest.self, payload)?.policy?.name
        case Registry.removePolicy.path: read(RemovePolicyRequest.self, payload)?.name
        case Access.createToken.path: read(CreateTokenRequest.self, payload).map(plan)
        case Access.setTokenLimits.path: read(SetTokenLimitsRequest.self, payload).map(limits)
        case Access.revokeToken.path: read(RevokeTokenRequest.self, payload)?.id
        case Admin.backup.path: read(BackupRequest.self, payload)?.directory
        case Scorer.import.path: read(ImportRequest.self, payload).map { "\($0.evaluations.count) evaluations" }
        case Scorer.putSuite.path: read(PutSuiteRequest.self, payload)?.suite
        case Scorer.removeSuite.path: read(RemoveSuiteRequest.self, payload)?.suite
        case Scorer.evaluate.path: read(EvaluateRequest.self, payload)?.suite
        case Scorer.promotePredictor.path: read(PromotePredictorRequest.self, payload)?.version
        case Refiner.deleteTranscript.path: read(DeleteTranscriptRequest.self, payload)?.transcriptId
        default: nil
        }
    }

    static func plan(_ request: CreateTokenRequest) -> String {
        let tenant = request.tenant.isEmpty ? "" : " for \(request.tenant)"
        let name = request.name.isEmpty ? "" : ": \(request.name)"
        return request.roles.joined(separator: ",") + tenant + name
    }

    private static func limits(_ request: SetTokenLimitsRequest) -> String {
        var parts: [String] = []
        if case .callsPerSecond(let rate)? = request.rate { parts.append("\(rate) calls per second") }
        if case .callsAtOnce(let count)? = request.crowd { parts.append("\(count) at once") }
        if case .usdPerDay(let amount)? = request.money { parts.append("\(amount) USD per day") }
        return "\(request.id.prefix(80)): " + parts.joined(separator: ", ")
    }

    private static func read<Request: Message>(_ type: Request.Type, _ payload: [UInt8]) -> Request? {
        try? Request(packed: payload)
    }
}
