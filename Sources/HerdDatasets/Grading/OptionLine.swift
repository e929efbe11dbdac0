/// Finds options in a line: the one it begins with, and others after it or after a question.
enum OptionLine {
    typealias Option = (label: Character, text: String)

    /// What an option's label is followed by; an enclosed one is "(A)" or "[A]".
    private enum Style: Equatable {
        case enclosed
        case marked(Character)
    }

    /// "A. Paris" is one option; "(A) Paris (B) Rome" and "The capital? A) Paris B) Rome" are two. Labels that follow
    /// others in a line have to follow them in the alphabet, and one that does not begin its line has to be the first of
    /// all: else "vitamin B." would be an option.
    static func options(of line: Substring) -> [Option] {
        guard let first = labelled(line), let marker = marker(trimmed(line)) else {
            let options = others(in: line, after: nil)
            return options.count > 1 ? options.map { ($0.label, $0.text) } : []
        }
        let others = others(in: line[marker.end...], after: (marker.label, marker.style))
        guard let next = others.first else { return [first] }
        return [(first.label, text(after: marker.end, of: line[..<next.start]))] + others.map { ($0.label, $0.text) }
    }

    /// "A. text", "A) text", "A: text", "(A) text", "**A.** text", "- A) text".
    static func labelled(_ line: Substring) -> Option? {
        let line = trimmed(line)
        return marker(line).map { ($0.label, text(after: $0.end, of: line)) }
    }

    private static func others(
        in line: Substring, after: (label: Character, style: Style)?
    ) -> [(label: Character, text: String, start: Substring.Index)] {
        var last = after
        var found: [(label: Character, start: Substring.Index, end: Substring.Index)] = []
        var isWordStart = true
        for place in line.indices {
            let isSpace = line[place].isWhitespace
            defer { isWordStart = isSpace }
            guard isWordStart, !isSpace, let marker = marker(trimmed(line[place...])) else { continue }
            if let last {
                guard marker.style == last.style, isNext(marker.label, after: last.label) else { continue }
            } else {
                guard ["A", "0", "1"].contains(marker.label) else { continue }
                // "Step 1. Go. Step 2. Stop." lists nothing to choose from.
                if marker.label.isNumber, marker.style == .marked(".") || marker.style == .marked(":") { continue }
            }
            last = (marker.label, marker.style)
            found.append((marker.label, place, marker.end))
        }
        return found.indices.map { place in
            let end = place + 1 < found.count ? found[place + 1].start : line.endIndex
            return (found[place].label, text(after: found[place].end, of: line[..<end]), found[place].start)
        }
    }

    private static func isNext(_ label: Character, after other: Character) -> Bool {
        guard let one = label.asciiValue, let before = other.asciiValue else { return false }
        return one == before + 1
    }

    /// Without the emphasis or the dash of a list that a label may follow.
    private static func trimmed(_ line: Substring) -> Substring {
        line.drop { $0.isWhitespace || $0 == "*" || $0 == "-" || $0 == "_" || $0 == "#" }
    }

    /// The label that a text begins with.
    private static func marker(_ text: Substring) -> (label: Character, style: Style, end: Substring.Index)? {
        let isEnclosed = text.first == "(" || text.first == "["
        var rest = isEnclosed ? text.dropFirst() : text
        guard let label = rest.first.flatMap({ ChoiceOptions.label($0) }) else { return nil }
        rest = rest.dropFirst().drop { $0 == "*" || $0 == "_" }
        guard let sign = rest.first, isEnclosed ? sign == ")" || sign == "]" : ".):\u{3001}".contains(sign) else {
            return nil
        }
        // "x: 4" is no option, as "X: 4" may be.
        if sign == ":", text.first?.isLowercase ?? false { return nil }
        rest = rest.dropFirst()
        // "1.5 metres" and "A.B." begin no option.
        if sign == ".", let next = rest.first, !next.isWhitespace, next != "*", next != "_", next.isASCII { return nil }
        return (label, isEnclosed ? .enclosed : .marked(sign), rest.startIndex)
    }

    private static func text(after start: Substring.Index, of line: Substring) -> String {
        let text = line[start...].drop { $0.isWhitespace || $0 == "*" || $0 == "_" || $0 == "." || $0 == ":" }
        return String(text)
    }
}
