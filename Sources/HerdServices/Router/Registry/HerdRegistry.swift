import HerdFrames
import HerdMessages
import HerdPolicy
import HerdStore
import Logging
import NIOConcurrencyHelpers

/// The models and policies that decisions are made from, as of one revision.
struct RegistrySnapshot: Sendable {
    var revision: UInt64 = 0
    var policyCounter: UInt64 = 0
    /// By name.
    var models: [ModelProfile] = []
    /// The same models as they are handed out, in the order of their names' bytes.
    var entries: [RegisteredModel] = []
    var policies: [String: (policy: RoutingPolicy, revision: UInt64)] = [:]

    /// The model of that name, as it is handed out.
    func model(named name: String) -> Model? {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].model.name.utf8.lexicographicallyPrecedes(name.utf8) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low < entries.count, entries[low].model.name.utf8.elementsEqual(name.utf8) else { return nil }
        return entries[low].model
    }
}

/// The herd's models and policies: stored, and held in memory for decisions.
final class HerdRegistry: Sendable {
    static let models = RevisionedTable<ModelRecord>(table: Table("models"), noun: "model")
    static let policies = RevisionedTable<PolicyRecord>(table: Table("policies"), noun: "policy")
    static let tables = [models.table.id, policies.table.id, Counters.table.id]

    private let store: StoreEnvironment
    private let logger: Logger
    private let hasSecretsFolder: Bool
    private let current = NIOLockedValueBox(RegistrySnapshot())
    private let modelChanges = ChangeSignal()
    /// Called after every change, with the snapshot that is now in force.
    private let changed: @Sendable (RegistrySnapshot) -> Void

    /// - Parameter hasSecretsFolder: whether endpoints may name files with keys.
    init(
        store: StoreEnvironment, hasSecretsFolder: Bool, logger: Logger,
        changed: @escaping @Sendable (RegistrySnapshot) -> Void
    ) throws {
        self.store = store
        self.hasSecretsFolder = hasSecretsFolder
        self.logger = logger
        self.changed = changed
        try refresh()
    }

    // MARK: - Models

    func putModel(_ request: PutModelRequest) async throws -> PutModelResponse {
        guard let model = request.model else { throw CallError(.invalidArgument, "model is missing") }
        let record = try ModelRecord(
            validating: model, requestID: request.requestId, hasSecretsFolder: hasSecretsFolder)
        let expected: UInt64? = if case .expectedRevision(let revision)? = request.expectation { revision } else { nil }
        let (stored, revision) = try await store.write { transaction in
            try Self.models.put(record, expected: expected, in: &transaction)
        }
        try refresh()
        return PutModelResponse(model: Model(stored), registryRevision: revision)
    }

    func getModel(_ request: GetModelRequest) throws -> GetModelResponse {
        let record = try store.read { transaction in try Self.models.get(request.name, in: transaction) }
        guard let record else { throw Self.models.missing(request.name) }
        return GetModelResponse(model: Model(record))
    }

    func listModels(_ request: ListModelsRequest) throws -> ListModelsResponse {
        let page = try store.read { transaction in try Self.models.page(request.page, in: transaction) }
        return ListModelsResponse(
            models: page.records.map(Model.init), next: page.next, registryRevision: page.revision)
    }

    func removeModel(_ request: RemoveModelRequest) async throws -> RemoveModelResponse {
        let expected: UInt64? = if case .expectedRevision(let revision)? = request.expectation { revision } else { nil }
        let revision = try await store.write { transaction in
            try Self.models.remove(request.name, expected: expected, in: &transaction)
        }
        try refresh()
        return RemoveModelResponse(registryRevision: revision)
    }

    /// Sends the whole herd, then what changes, until the caller goes or the server drains.
    func watchModels(_ send: (ModelsEvent) async throws -> Void) async throws {
        var sent: RegistrySnapshot?
        for await _ in modelChanges.changes() {
            let now = snapshot
            if let sent, sent.revision == now.revision { continue }
            for event in ModelChanges(from: sent?.entries ?? [], to: now.entries).events(revision: now.revision) {
                try await send(event)
            }
            sent = now
        }
    }

    // MARK: - Policies

    func putPolicy(_ request: PutPolicyRequest) async throws -> PutPolicyResponse {
        guard let policy = request.policy else { throw CallError(.invalidArgument, "policy is missing") }
        let record = try PolicyRecord(validating: policy, requestID: request.requestId)
        let expected: UInt64? = if case .expectedRevision(let revision)? = request.expectation { revision } else { nil }
        let (stored, _) = try await store.write { transaction in
            try Self.policies.put(record, expected: expected, in: &transaction)
        }
        try refresh()
        return PutPolicyResponse(policy: Policy(stored))
    }

    func getPolicy(_ request: GetPolicyRequest) throws -> GetPolicyResponse {
        let record = try store.read { transaction in try Self.policies.get(request.name, in: transaction) }
        // "default" weighs quality alone until somebody stores another.
        if record == nil, request.name == "default" { return GetPolicyResponse(policy: Policy(name: "default")) }
        guard let record else { throw Self.policies.missing(request.name) }
        return GetPolicyResponse(policy: Policy(record))
    }

    func listPolicies(_ request: ListPoliciesRequest) throws -> ListPoliciesResponse {
        let page = try store.read { transaction in try Self.policies.page(request.page, in: transaction) }
        return ListPoliciesResponse(policies: page.records.map(Policy.init), next: page.next)
    }

    func removePolicy(_ request: RemovePolicyRequest) async throws -> RemovePolicyResponse {
        let expected: UInt64? = if case .expectedRevision(let revision)? = request.expectation { revision } else { nil }
        _ = try await store.write { transaction in
            try Self.policies.remove(request.name, expected: expected, in: &transaction)
        }
        try refresh()
        return RemovePolicyResponse()
    }

    // MARK: - The snapshot

    var snapshot: RegistrySnapshot { current.withLockedValue { $0 } }

    /// Reads the whole registry again: changes are rare and a read transaction is consistent, so there is no order of
    /// concurrent changes to get wrong. An older read never replaces a newer one.
    private func refresh() throws {
        let logger = logger
        let known = snapshot.entries
        let fresh = try store.read { transaction in
            let models = try Self.models.all(in: transaction) { logger.error("damaged record left out: \($0)") }
            let policies = try Self.policies.all(in: transaction) { logger.error("damaged record left out: \($0)") }
            var snapshot = RegistrySnapshot(revision: models.revision, policyCounter: policies.revision)
            snapshot.models = models.records.map(ModelProfile.init)
            snapshot.entries = RegisteredModel.all(models.records, reusing: known)
            for record in policies.records {
                snapshot.policies[record.name] = (RoutingPolicy(record), record.revision)
            }
            return snapshot
        }
        current.withLockedValue { snapshot in
            guard fresh.revision >= snapshot.revision, fresh.policyCounter >= snapshot.policyCounter else { return }
            snapshot = fresh
            changed(fresh)
        }
        modelChanges.tell()
    }
}
