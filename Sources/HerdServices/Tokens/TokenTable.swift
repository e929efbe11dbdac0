import HerdFrames
import HerdMessages
import HerdServer
import HerdStore

/// What a token is to be.
struct TokenPlan: Sendable {
    var name = ""
    var roles: Roles = []
    var tenant = ""
    /// 0 = it never expires.
    var validMilliseconds: UInt64 = 0
    /// Who makes it.
    var createdBy = ""
    var requestID = ""
    var limits = TokenLimits()

    init() {}

    /// - Throws: INVALID_ARGUMENT naming the field.
    init(_ request: CreateTokenRequest, createdBy: String) throws(CallError) {
        name = request.name
        roles = try Self.roles(request.roles)
        tenant = request.tenant
        validMilliseconds = request.validMs
        self.createdBy = createdBy
        requestID = request.requestId
        limits = TokenLimits(
            callsPerSecond: request.callsPerSecond, callsAtOnce: request.callsAtOnce, usdPerDay: request.usdPerDay)
        try check()
    }

    /// - Throws: INVALID_ARGUMENT for a name that is no role, and for none at all.
    static func roles(_ names: [String]) throws(CallError) -> Roles {
        var roles: Roles = []
        for name in names {
            guard let role = Roles(name: name) else {
                throw CallError(
                    .invalidArgument, "roles: '\(name.prefix(80))' is none; there are client, admin and service")
            }
            roles.insert(role)
        }
        guard !roles.isEmpty else {
            throw CallError(.invalidArgument, "roles is empty; name at least one of client, admin and service")
        }
        return roles
    }

    /// Ten years: what is to hold longer never expires.
    static let longestMilliseconds: UInt64 = 3_650 * 86_400_000

    func check() throws(CallError) {
        if !name.isEmpty { try Check.name(name, field: "name") }
        if !tenant.isEmpty { try Check.name(tenant, field: "tenant") }
        try Check.length(requestID, field: "request_id", atMost: 200)
        guard validMilliseconds <= Self.longestMilliseconds else {
            throw CallError(
                .invalidArgument, "valid_ms must be 0 (it never expires) to \(Self.longestMilliseconds) (ten years)")
        }
        try limits.check(for: roles)
    }
}

/// The tokens of a router, stored.
struct TokenTable: Sendable {
    static let table = Table<String>("tokens")
    /// The most tokens, revoked and expired ones included, which go first to make room.
    static let maximumEntries = 100_000

    let store: StoreEnvironment

    /// Makes a token; when it returns the token is on disk. The secret is in what it returns and nowhere else.
    ///
    /// - Parameter entry: For the audit log, where nobody else sees to it; stored with the token or not at all.
    /// - Throws: ALREADY_EXISTS for a request that was made before, RESOURCE_EXHAUSTED where there is no room.
    func create(
        _ plan: TokenPlan, nowMs: UInt64, entry: AuditRecord? = nil
    ) async throws -> (record: AccessTokenRecord, secret: TokenText) {
        let secret = TokenText.make()
        let digest = SecretDigest(of: secret.secret)
        var record = AccessTokenRecord()
        record.id = secret.id
        record.salt = digest.salt
        record.digest = digest.digest
        record.name = plan.name
        record.roles = plan.roles.names
        record.tenant = plan.tenant
        record.createdUnixMs = nowMs
        record.expiresUnixMs = plan.validMilliseconds == 0 ? 0 : nowMs + plan.validMilliseconds
        record.createdBy = plan.createdBy
        record.requestId = plan.requestID
        record.limits = plan.limits
        let stored = record
        try await store.write { transaction in
            try Self.checkRequest(stored.requestId, in: transaction)
            try Self.makeRoom(nowMs: nowMs, in: &transaction)
            guard try transaction.insert(stored.pack(), for: stored.id, in: Self.table) else {
                throw CallError(.aborted, "a token of the same id is there, by chance; try again")
            }
            if let entry { try AuditLog.append(entry, in: &transaction) }
        }
        return (stored, secret)
    }

    /// Takes a token's validity away for good, and gives the record; one that was revoked stays as it is.
    func revoke(_ id: String, nowMs: UInt64) async throws -> AccessTokenRecord {
        try await store.write { transaction in
            guard let bytes = try transaction.value(for: id, in: Self.table) else { throw Self.missing(id) }
            var record = try AccessTokenRecord(stored: bytes)
            if record.revokedUnixMs == 0 {
                record.revokedUnixMs = max(1, nowMs)
                let revoked = record.pack()
                try transaction.beyondQuota { transaction throws(StoreError) in
                    try transaction.put(revoked, for: id, in: Self.table)
                }
            }
            return record
        }
    }

    /// Sets a token's limits, those that are named, and gives the record.
    func setLimits(_ request: SetTokenLimitsRequest) async throws -> AccessTokenRecord {
        try await store.write { transaction in
            guard let bytes = try transaction.value(for: request.id, in: Self.table) else {
                throw Self.missing(request.id)
            }
            var record = try AccessTokenRecord(stored: bytes)
            if case .callsPerSecond(let rate)? = request.rate { record.callsPerSecond = rate }
            if case .callsAtOnce(let count)? = request.crowd { record.callsAtOnce = count }
            if case .usdPerDay(let amount)? = request.money { record.usdPerDay = amount }
            try record.limits.check(for: record.roleSet)
            let limited = record
            try transaction.beyondQuota { transaction throws(StoreError) in
                try transaction.put(limited.pack(), for: limited.id, in: Self.table)
            }
            return record
        }
    }

    /// All that can be read, and whether there are any at all: a damaged one lets nobody in, and counts.
    func all(damaged: (String) -> Void) throws -> (records: [AccessTokenRecord], areThereAny: Bool) {
        try store.read { transaction in
            var records: [AccessTokenRecord] = []
            var count = 0
            try transaction.scan(Self.table) { record in
                count += 1
                do {
                    records.append(try AccessTokenRecord(stored: try record.value()))
                } catch {
                    damaged("token \((try? record.key()) ?? "?"): \(error)")
                }
                return .next
            }
            return (records, count > 0)
        }
    }

    /// One page by id.
    func page(_ page: Page?) throws -> ListTokensResponse {
        let size = try Paging.size(page)
        let token = page?.token ?? ""
        return try store.read { transaction in
            var response = ListTokensResponse()
            try transaction.scan(Self.table, token.isEmpty ? .all : .after(token)) { record in
                if response.tokens.count == size {
                    response.next = response.tokens.last?.id ?? ""
                    return .stop
                }
                // A damaged one is told by its id alone.
                let stored = try? AccessTokenRecord(stored: try record.value())
                response.tokens.append(
                    try stored.map(AccessToken.init) ?? AccessToken(id: record.key(), name: "(damaged)"))
                return .next
            }
            return response
        }
    }

    static func missing(_ id: String) -> CallError {
        CallError(.notFound, "there is no token '\(id.prefix(80))'; herdctl token list shows the ids")
    }

    private static func checkRequest(
        _ id: String, in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws {
        guard !id.isEmpty else { return }
        var earlier: String?
        try transaction.scan(table) { record in
            guard let stored = try? AccessTokenRecord(stored: try record.value()), stored.requestId == id else {
                return .next
            }
            earlier = stored.id
            return .stop
        }
        guard let earlier else { return }
        throw CallError(
            .alreadyExists,
            "this request has made the token \(earlier) already, and its secret is told once; revoke it and make another"
        )
    }

    private static func makeRoom(nowMs: UInt64, in transaction: inout WriteTransaction) throws {
        guard try transaction.count(of: table) >= maximumEntries else { return }
        var useless: String?
        try transaction.scan(table) { record in
            guard let stored = try? AccessTokenRecord(stored: try record.value()), !stored.isInForce(nowMs) else {
                return .next
            }
            useless = stored.id
            return .stop
        }
        guard let useless else {
            throw CallError(
                .resourceExhausted, "there are \(maximumEntries) tokens, the most there may be; revoke some")
        }
        _ = try transaction.remove(useless, in: table)
    }
}

extension AccessTokenRecord {
    var secretDigest: SecretDigest { SecretDigest(salt: salt, digest: digest) }

    /// The roles it names; what is not known any more counts for nothing.
    var roleSet: Roles { Roles(roles.compactMap(Roles.init(name:))) }

    func isInForce(_ nowMs: UInt64) -> Bool {
        revokedUnixMs == 0 && (expiresUnixMs == 0 || nowMs < expiresUnixMs)
    }
}

extension AccessToken {
    init(_ record: AccessTokenRecord) {
        self.init(
            id: record.id, name: record.name, roles: record.roles, tenant: record.tenant,
            createdUnixMs: record.createdUnixMs, expiresUnixMs: record.expiresUnixMs,
            revokedUnixMs: record.revokedUnixMs, createdBy: record.createdBy, callsPerSecond: record.callsPerSecond,
            callsAtOnce: record.callsAtOnce, usdPerDay: record.usdPerDay)
    }
}
