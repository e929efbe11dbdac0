import HerdFrames
import HerdMessages
import HerdServer
import HerdStore
import Logging

/// Makes, lists and revokes the tokens of a router.
final class TokenService: Sendable {
    private let table: TokenTable
    private let access: HerdAccess
    private let directory: TokenDirectory
    private let logger: Logger
    private let changed: @Sendable () -> Void

    /// Reads what is stored.
    ///
    /// - Parameter changed: called when there is a first token.
    init(
        store: StoreEnvironment, access: HerdAccess, directory: TokenDirectory, logger: Logger,
        changed: @escaping @Sendable () -> Void
    ) throws {
        table = TokenTable(store: store)
        self.access = access
        self.directory = directory
        self.logger = logger
        self.changed = changed
        let stored = try table.all { logger.error("damaged record left out: \($0)") }
        directory.load(stored.records, areThereAny: stored.areThereAny)
    }

    func create(_ request: CreateTokenRequest, by principal: Principal) async throws -> CreateTokenResponse {
        let plan = try TokenPlan(request, createdBy: principal.id)
        guard access.isGuarded || plan.roles.contains(.admin) else {
            throw CallError(
                .failedPrecondition,
                "the first token needs the role admin: from then on nobody gets in without a token, and nobody else "
                    + "could make the next")
        }
        let wasGuarded = access.isGuarded
        let (record, secret) = try await table.create(plan, nowMs: WallClock.milliseconds())
        directory.update(record)
        if !wasGuarded {
            logger.notice("from now on nobody gets in without a credential", metadata: ["token": "\(record.id)"])
            access.changed()
            changed()
        }
        return CreateTokenResponse(token: AccessToken(record), secret: secret.text)
    }

    func list(_ request: ListTokensRequest) throws -> ListTokensResponse {
        try table.page(request.page)
    }

    /// Sets a token's limits; they hold for its open connections, too.
    func setLimits(_ request: SetTokenLimitsRequest) async throws -> SetTokenLimitsResponse {
        let record = try await table.setLimits(request)
        directory.update(record)
        access.limitsChanged()
        return SetTokenLimitsResponse(token: AccessToken(record))
    }

    /// Revokes a token and ends the connections that came with it.
    ///
    /// Where the disk does not take it the token is out of force all the same, until the router starts again.
    func revoke(_ request: RevokeTokenRequest) async throws -> RevokeTokenResponse {
        let now = WallClock.milliseconds()
        let known = directory.revoke(request.id, nowMs: now)
        access.changed()
        do {
            let record = try await table.revoke(request.id, nowMs: now)
            directory.update(record)
            return RevokeTokenResponse(token: AccessToken(record))
        } catch let error as StoreError where known != nil {
            let told = CallError(error)
            throw CallError(
                told.code,
                "the token '\(request.id)' is revoked until the router starts again, but that could not be stored: "
                    + "\(told.message); repeat it when that is mended", cause: error)
        }
    }
}
