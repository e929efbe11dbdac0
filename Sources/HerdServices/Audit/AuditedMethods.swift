import HerdMessages

/// Which calls the audit log keeps: all but those of the product's users, of its own services, and those that only look.
/// What is new is kept until it is named here.
enum AuditedMethods {
    private static let unrecorded: Set<String> = [
        Router.route.path, Router.complete.path, Router.refine.path, Router.feedback.path, Router.generate.path,
        Router.getDecision.path, Refiner.refine.path, Scorer.predict.path, Scorer.embed.path, Scorer.perfics.path,
        Scorer.listSuites.path, Scorer.listPredictors.path, Scorer.watchPredictor.path, Registry.getModel.path,
        Registry.listModels.path, Registry.watchModels.path, Registry.getPolicy.path, Registry.listPolicies.path,
        Refiner.getTranscript.path, Refiner.listTranscripts.path, Admin.health.path, Admin.status.path,
        Admin.describe.path, Admin.probe.path, Access.listTokens.path, Access.listAudit.path,
        Access.getUsage.path,
    ]

    static func contain(_ method: String) -> Bool { !unrecorded.contains(method) }
}
