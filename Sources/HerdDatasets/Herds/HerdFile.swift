/// A herd file: YAML with `models:`, a list of models with their public facts.
///
/// ```yaml
/// models:
///   - name: mistralai/mixtral-8x7b-chat
///     parameters_b: 46.7
///     active_b: 12.9
///     price_in: 0.6
///     price_out: 0.6
///     released: 2023-12-11
/// ```
package struct HerdFile: Sendable, Equatable {
    /// The longest file that is read: 4 MiB.
    package static let maximumBytes = 4 << 20

    /// In the order of the file; names are unique.
    package var models: [ModelFacts]

    package init(models: [ModelFacts]) {
        self.models = models
    }

    /// Reads a herd file.
    ///
    /// - Throws: `DatasetError` with code `missing`, `unreadable` or `invalid`; the last names line and key.
    package init(path: String) throws(DatasetError) {
        var lines = try LineReader(path: path, limit: Self.maximumBytes)
        var bytes: [UInt8] = []
        var line: [UInt8] = []
        reading: while true {
            switch try lines.next(into: &line) {
            case .line:
                bytes.append(contentsOf: line)
                bytes.append(UInt8(ascii: "\n"))
                if bytes.count <= Self.maximumBytes { continue }
                fallthrough
            case .tooLong:
                throw DatasetError(
                    .invalid, path: path, message: "is over \(Self.maximumBytes) bytes long: is it a herd file?")
            case .end: break reading
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw DatasetError(.invalid, path: path, message: "is not valid UTF-8")
        }
        self = try HerdFile(yaml: text, path: path)
    }

    /// The facts of the model called `name`.
    package func model(named name: String) -> ModelFacts? {
        models.first { $0.name == name }
    }
}
