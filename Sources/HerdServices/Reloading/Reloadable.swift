/// A service that takes a new configuration while it runs.
protocol Reloadable: Sendable {
    /// Reads and checks what the new configuration names, and returns what puts it in force, which can't fail.
    ///
    /// - Throws: what is wrong; nothing has changed then.
    func prepare(_ new: HerdConfiguration) throws(ConfigurationError) -> @Sendable () -> Void
}
