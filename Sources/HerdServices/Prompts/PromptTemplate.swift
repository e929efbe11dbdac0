import Glibc

/// A file of text for models with places that are filled for each use: `{{prompt}}`.
package struct PromptTemplate: Sendable, Equatable {
    private enum Piece: Sendable, Equatable {
        case text(String)
        case place(String)
    }

    private let pieces: [Piece]
    /// What is written between the places, joined.
    package let wording: String

    /// The longest file, in bytes.
    private static let longest = 1 << 16

    /// Reads and checks a file.
    ///
    /// - Parameter places: the names it must have, each at least once, and no others.
    /// - Throws: `ConfigurationError` naming the file, what is wrong and what to do.
    package init(path: String, places: [String]) throws(ConfigurationError) {
        try self.init(try Self.read(path), from: path, places: places)
    }

    /// The same from text; `path` is for errors.
    package init(_ text: String, from path: String, places: [String]) throws(ConfigurationError) {
        let listed = places.map { "{{\($0)}}" }.joined(separator: ", ")
        var pieces: [Piece] = []
        var rest = Substring(text)
        if rest.hasSuffix("\n") { rest.removeLast() }
        while let open = Self.range(of: "{{", in: rest) {
            guard let close = Self.range(of: "}}", in: rest[open.upperBound...]) else {
                throw ConfigurationError(
                    "the prompt file '\(path)' has '{{' without '}}'; its places are \(listed)")
            }
            let name = String(rest[open.upperBound..<close.lowerBound])
            guard places.contains(name) else {
                throw ConfigurationError(
                    "the prompt file '\(path)' has the unknown place '{{\(name.prefix(60))}}'; its places are \(listed)"
                )
            }
            pieces.append(.text(String(rest[..<open.lowerBound])))
            pieces.append(.place(name))
            rest = rest[close.upperBound...]
        }
        pieces.append(.text(String(rest)))
        if let missing = places.first(where: { !pieces.contains(.place($0)) }) {
            throw ConfigurationError(
                "the prompt file '\(path)' lacks the place '{{\(missing)}}'; write it where it is to stand")
        }
        self.pieces = pieces
        wording = pieces.reduce(into: "") { wording, piece in
            if case .text(let text) = piece { wording += text }
        }
    }

    /// The text with its places filled. What a value holds is left as it is, even where it looks like a place.
    package func text(_ values: [String: String]) -> String {
        pieces.reduce(into: "") { text, piece in
            switch piece {
            case .text(let wording): text += wording
            case .place(let name): text += values[name] ?? ""
            }
        }
    }

    private static func range(of mark: String, in text: Substring) -> Range<Substring.Index>? {
        var start = text.startIndex
        while let found = text[start...].firstIndex(of: mark.first ?? "{") {
            if text[found...].hasPrefix(mark) { return found..<text.index(found, offsetBy: mark.count) }
            start = text.index(after: found)
        }
        return nil
    }

    private static func read(_ path: String) throws(ConfigurationError) -> String {
        guard let file = fopen(path, "rb") else {
            throw ConfigurationError(
                "the prompt file '\(path)' can't be read: \(String(cString: strerror(errno))); copy it from Config/prompts "
                    + "or set refiner.prompts_dir")
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: longest + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0 else {
            throw ConfigurationError("the prompt file '\(path)' can't be read; name a file, not a folder")
        }
        guard count <= longest else {
            throw ConfigurationError("the prompt file '\(path)' is over \(longest) bytes; make it shorter")
        }
        guard let text = String(validating: bytes[..<count], as: UTF8.self), !text.contains("\0") else {
            throw ConfigurationError("the prompt file '\(path)' is not text in UTF-8; write it in UTF-8")
        }
        return text
    }
}
