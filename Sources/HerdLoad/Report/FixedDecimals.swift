/// Numbers as text, for people.
enum FixedDecimals {
    /// With exactly so many digits behind the point.
    ///
    /// - Parameter digits: 0 to 15.
    static func text(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value > 0 ? "inf" : "-inf" }
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = (abs(value) * scale).rounded()
        guard scaled < 9e15 else { return "\(value)" }
        let whole = UInt64(scaled)
        let sign = value < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(whole)" }
        let fraction = String(whole % UInt64(scale))
        return "\(sign)\(whole / UInt64(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    /// Three digits that count, or all before the point.
    static func short(_ value: Double) -> String {
        guard value.isFinite else { return text(value, 0) }
        let magnitude = abs(value)
        var digits = magnitude >= 100 || magnitude == 0 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3
        // Far below 1 the digits that count come late.
        var limit = 0.1
        while magnitude > 0, magnitude < limit, digits < 9 {
            digits += 1
            limit /= 10
        }
        var text = text(value, digits)
        guard text.contains(".") else { return text }
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }

    static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
