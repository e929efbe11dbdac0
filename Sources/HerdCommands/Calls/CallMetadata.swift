import HerdReflection

/// `key=value` on the command line.
package enum CallMetadata {
    package static func parse(_ options: [String]) throws(CommandFailure) -> [String: String] {
        var metadata: [String: String] = [:]
        for option in options {
            guard let equals = option.firstIndex(of: "="), equals != option.startIndex else {
                throw CommandFailure(
                    "'\(PrintableText.escaped(option))' is not metadata; write a key and a value, e.g. "
                        + "--metadata tenant=acme", exitCode: 64)
            }
            let key = String(option[..<equals])
            guard metadata.updateValue(String(option[option.index(after: equals)...]), forKey: key) == nil else {
                throw CommandFailure("--metadata names '\(PrintableText.escaped(key))' twice", exitCode: 64)
            }
        }
        return metadata
    }
}
