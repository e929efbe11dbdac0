import Glibc

/// The environment variables of this process.
package enum ProcessEnvironment {
    /// Nil where the variable is not set or empty.
    package static func value(_ name: String) -> String? {
        guard let bytes = getenv(name) else { return nil }
        let text = String(cString: bytes)
        return text.isEmpty ? nil : text
    }
}
