import CVectors

/// Fits the two parameters of `ScoreCalibration` to held-out scores.
enum CalibrationFit {
    /// More labels than this are thinned out evenly: two parameters need no more.
    private static let maximumLabels = 200_000
    /// How many labels' worth of curvature draws the parameters to "change nothing".
    private static let prior = 5.0

    /// Minimises the log loss by Newton's method.
    ///
    /// - Parameters:
    ///   - raw: scores before calibration.
    ///   - scores: measured, 0..1; NaN where absent.
    static func fit(raw: [Float], scores: [Float]) -> ScoreCalibration {
        let stride = max(1, raw.count / maximumLabels)
        var labels: [(logit: Double, score: Double)] = []
        for index in Swift.stride(from: 0, to: raw.count, by: stride) where !scores[index].isNaN {
            labels.append((ScoreCalibration.logit(Double(raw[index])), Double(scores[index])))
        }
        var result = ScoreCalibration()
        for _ in 0..<20 {
            var slopeGradient = prior * (result.slope - 1)
            var offsetGradient = prior * result.offset
            var slopeCurvature = prior
            var mixedCurvature = 0.0
            var offsetCurvature = prior
            for (logit, score) in labels {
                let value = 1 / (1 + Double(herd_exp_f32(Float(-(result.slope * logit + result.offset)))))
                let error = value - score
                let curvature = max(1e-6, value * (1 - value))
                slopeGradient += error * logit
                offsetGradient += error
                slopeCurvature += curvature * logit * logit
                mixedCurvature += curvature * logit
                offsetCurvature += curvature
            }
            let determinant = slopeCurvature * offsetCurvature - mixedCurvature * mixedCurvature
            guard determinant > 0 else { break }
            let slopeStep = (offsetCurvature * slopeGradient - mixedCurvature * offsetGradient) / determinant
            let offsetStep = (slopeCurvature * offsetGradient - mixedCurvature * slopeGradient) / determinant
            // Far from the data's own scale the map would say more about chance than about the scores.
            result.slope = min(3, max(0.3, result.slope - slopeStep))
            result.offset = min(2, max(-2, result.offset - offsetStep))
            if abs(slopeStep) + abs(offsetStep) < 1e-9 { break }
        }
        return result
    }
}
