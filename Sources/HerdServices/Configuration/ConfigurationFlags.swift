import Configuration

/// Keys that flags set; they win over the environment and the file.
package struct ConfigurationFlags: Sendable {
    private(set) var values: [AbsoluteConfigKey: ConfigValue] = [:]

    package init() {}

    /// Nil leaves the key to the environment and the file.
    package mutating func set(_ key: String, _ value: String?) {
        guard let value else { return }
        values[AbsoluteConfigKey(ConfigKey(key))] = ConfigValue(.string(value), isSecret: false)
    }

    /// A flag that is not given leaves the key to the environment and the file.
    package mutating func set(_ key: String, _ value: Bool) {
        guard value else { return }
        values[AbsoluteConfigKey(ConfigKey(key))] = ConfigValue(.bool(true), isSecret: false)
    }

    /// An empty list leaves the key to the environment and the file.
    package mutating func set(_ key: String, _ value: [String]) {
        guard !value.isEmpty else { return }
        values[AbsoluteConfigKey(ConfigKey(key))] = ConfigValue(.stringArray(value), isSecret: false)
    }
}
