/// Numbers as the tables show them.
package enum NumberFormat {
    /// A fixed number of decimals, rounded to nearest; "-" for what is not a number.
    package static func decimals(_ value: Double, _ places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        guard (abs(value) * scale).isFinite, abs(value) * scale < 9e18 else { return "-" }
        let scaled = Int64((abs(value) * scale).rounded())
        let whole = scaled / Int64(scale)
        let sign = value < 0 && scaled != 0 ? "-" : ""
        guard places > 0 else { return "\(sign)\(whole)" }
        let fraction = String(scaled % Int64(scale))
        return "\(sign)\(whole).\(String(repeating: "0", count: places - fraction.count))\(fraction)"
    }

    /// All digits there are, and none where there is no fraction: 25, 0.5.
    package static func short(_ value: Double) -> String {
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// US dollars with enough digits for a fraction of a cent.
    package static func dollars(_ value: Double) -> String {
        value == 0 ? "0" : abs(value) >= 0.01 ? decimals(value, 4) : "\(Float(value))"
    }
}
