#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Maps values to places on a picture, with round values to write beside it.
struct PictureAxis {
    private let lowest: Double
    private let highest: Double
    private let isLogarithmic: Bool
    private let start: Double
    private let end: Double
    let ticks: [Double]

    /// - Parameters:
    ///   - limits: beyond which the axis does not go.
    ///   - start: the place of the lowest value, `end` that of the highest.
    init(_ values: [Double], limits: ClosedRange<Double>, start: Double, end: Double) {
        self.start = start
        self.end = end
        let least = values.min() ?? 0
        let most = values.max() ?? 1
        // Where values differ a lot their ratio says more than their difference.
        isLogarithmic = least > 0 && most / least > 20
        if isLogarithmic {
            let ticks = Self.powers(from: least, to: most)
            lowest = min(ticks.first ?? least, least * 0.8)
            highest = max(ticks.last ?? most, most * 1.25)
            self.ticks = ticks
            return
        }
        let spread = most > least ? most - least : max(abs(most), 0.1)
        let low = max(limits.lowerBound, least - 0.08 * spread)
        let high = min(limits.upperBound, most + 0.08 * spread)
        let step = Self.step(high - low)
        lowest = (low / step).rounded(.down) * step
        highest = max((high / step).rounded(.up) * step, lowest + step)
        ticks = stride(from: 0, through: ((highest - lowest) / step).rounded(), by: 1).map { [lowest] in
            lowest + $0 * step
        }
    }

    func place(_ value: Double) -> Double {
        let share =
            isLogarithmic
            ? log(value / lowest) / log(highest / lowest) : (value - lowest) / (highest - lowest)
        return start + share * (end - start)
    }

    /// As short as it can be told from its neighbours.
    func label(_ value: Double) -> String {
        if value == 0 { return "0" }
        let size = isLogarithmic ? value : highest - lowest
        let places = max(0, min(9, Int((1 - log10(size)).rounded(.up))))
        var text = NumberFormat.decimals(value, places)
        while text.contains("."), text.hasSuffix("0") || text.hasSuffix(".") { text.removeLast() }
        return text
    }

    /// 1, 2 or 5 times a power of ten, of which about five make the range.
    private static func step(_ range: Double) -> Double {
        let power = pow(10, log10(range / 5).rounded(.down))
        for factor in [1.0, 2, 5] where range / (factor * power) <= 6 { return factor * power }
        return 10 * power
    }

    private static func powers(from least: Double, to most: Double) -> [Double] {
        var ticks: [Double] = []
        let first = Int(log10(least).rounded(.down))
        let last = Int(log10(most).rounded(.up))
        let factors = last - first > 3 ? [1.0] : [1, 2, 5]
        for exponent in first...last {
            for factor in factors {
                let tick = factor * pow(10, Double(exponent))
                if tick >= least * 0.8, tick <= most * 1.25 { ticks.append(tick) }
            }
        }
        return ticks
    }
}
