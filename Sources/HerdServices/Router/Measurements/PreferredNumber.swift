/// Numbers on a logarithmic grid of two significant digits: the series E24 of preferred numbers (IEC 60063), 24 to a
/// decade, each about 10 % over the one before.
package enum PreferredNumber {
    private static let series = [
        10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91,
    ]
    /// How far a measured value has to be from the published one before another is published: more than half a step, so
    /// that what wavers between two numbers of the grid does not change with every measurement.
    private static let hysteresis = 1.08

    /// The number of the grid that is nearest by ratio; 0 for what is not over 0 or not finite. From 1e-6 to 9.1e9; what
    /// is outside is moved to the end.
    package static func nearest(to value: Double) -> Double {
        guard value.isFinite, value > 0 else { return 0 }
        var best = 1e-6
        for exponent in -7...8 {
            for mantissa in series {
                let candidate = number(mantissa, exponent)
                if distance(candidate, value) < distance(best, value) { best = candidate }
                if candidate > value { return best }
            }
        }
        return best
    }

    /// What to publish for a measured value where `published` was before; 0 stands for nothing.
    package static func next(for value: Double, published: Double) -> Double {
        guard value.isFinite, value > 0 else { return published }
        if published > 0, distance(value, published) < hysteresis { return published }
        return nearest(to: value)
    }

    /// The larger over the smaller.
    private static func distance(_ left: Double, _ right: Double) -> Double { max(left / right, right / left) }

    /// `mantissa` times ten to the `exponent`, correctly rounded, so that it is the same bits everywhere.
    private static func number(_ mantissa: Int, _ exponent: Int) -> Double {
        exponent < 0
            ? Double(mantissa) / powers[-exponent] : Double(mantissa) * powers[exponent]
    }

    private static let powers: [Double] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8]
}
