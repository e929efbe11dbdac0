import CVectors

/// Turns a raw predicted score into a calibrated one: `sigmoid(slope * logit(score) + offset)`.
///
/// Two parameters after Platt (1999), on the log-odds scale, so that slope 1 and offset 0 change nothing. The logit is
/// continued as a straight line outside 0.02...0.98: the map is strictly rising and never changes which model is best.
package struct ScoreCalibration: Sendable, Equatable {
    /// Over 0.
    package var slope: Double
    package var offset: Double

    package init(slope: Double = 1, offset: Double = 0) {
        self.slope = slope
        self.offset = offset
    }

    /// The calibrated score, 0..1; the same bits on every CPU.
    package func callAsFunction(_ score: Float) -> Float {
        var score = score
        herd_calibrate_f32(&score, 1, slope, offset)
        return score
    }

    /// Calibrates many scores where they are.
    func apply(to scores: UnsafeMutableBufferPointer<Float>) {
        herd_calibrate_f32(scores.baseAddress, scores.count, slope, offset)
    }

    static func logit(_ score: Double) -> Double {
        let edge = 0.02
        let inside = min(max(score, edge), 1 - edge)
        return naturalLogarithm(inside / (1 - inside)) + (score - inside) / (edge * (1 - edge))
    }
}
