import HerdServer

/// On whose account an answer of a model goes.
package struct Payer: Sendable, Hashable {
    /// The id of a token, or of another credential; empty for anybody, while the herd has no credentials.
    package var token: String
    package var tenant: String

    /// A key of the store holds both.
    private static let longestToken = 90

    package init(token: String = "", tenant: String = "") {
        self.token = token
        self.tenant = tenant
    }

    init(_ context: CallContext) {
        self.init(token: String(context.account.prefix(Self.longestToken / 4)), tenant: context.tenant)
        if context.account.utf8.count <= Self.longestToken { token = context.account }
    }
}
