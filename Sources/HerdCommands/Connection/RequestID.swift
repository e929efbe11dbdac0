/// Ids that make repeated requests harmless.
enum RequestID {
    /// 128 random bits in hex.
    static func make() -> String {
        let value = UInt128.random(in: 0...UInt128.max)
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }
}
