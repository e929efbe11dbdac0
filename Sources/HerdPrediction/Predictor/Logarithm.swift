/// The natural logarithm of a positive finite number.
///
/// Built from plain IEEE operations, because the C library's differs in the last bit between CPUs. Relative error under
/// 1e-15: with m in sqrt(1/2)...sqrt(2), log m = 2 artanh((m - 1) / (m + 1)), a series that eleven terms exhaust.
package func naturalLogarithm(_ value: Double) -> Double {
    var exponent = Double(value.exponent)
    var mantissa = value.significand
    if mantissa > 1.4142135623730951 {
        mantissa /= 2
        exponent += 1
    }
    let ratio = (mantissa - 1) / (mantissa + 1)
    let square = ratio * ratio
    var sum = 0.0
    var divisor = 21.0
    while divisor > 0 {
        sum = sum * square + 1 / divisor
        divisor -= 2
    }
    return exponent * 0.6931471805599453 + 2 * ratio * sum
}
