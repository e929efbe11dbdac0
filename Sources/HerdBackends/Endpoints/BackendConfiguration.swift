/// What all calls to models share.
package struct BackendConfiguration: Sendable {
    package var limits = BackendLimits()
    /// Where files with keys have to lie (`secrets_dir`); nil to have none.
    package var secretsDirectory: String?
    /// As `http://proxy:3128`; nil for none, whatever the environment says.
    package var proxy: String?
    /// Sent with each request (`herd`); programs put their version behind it, `herd/0.1.0`.
    package var userAgent = "herd"

    package init() {}
}
