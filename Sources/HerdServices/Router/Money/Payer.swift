import HerdServer

/// On whose account an answer of a model goes.
package struct Payer: Sendable, Hashable {
    /// The id of a token, or of another credential; empty for anybody, while the herd has no credentials.
    package var token: String
    package var tenant: String

    package init(token: String = "", tenant: String = "") {
        self.token = token
        self.tenant = tenant
    }

    init(_ context: CallContext) {
        self.init(
            token: context.account.shortened(toBytes: Self.longestToken),
            tenant: context.tenant.shortened(toBytes: Check.longestName))
    }

    /// A key of the store holds both; what is longer is a certificate's name.
    private static let longestToken = 90
}
