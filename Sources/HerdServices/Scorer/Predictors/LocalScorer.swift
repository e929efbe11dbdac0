import HerdMessages

/// The scorer of the same process, asked for a prediction without a call: in `herdd all` a loopback connection would cost
/// several times what the prediction does.
package struct LocalScorer: Sendable {
    /// Answers at once, on the thread it is called on, as `Scorer/Predict` does.
    let predict: @Sendable (PredictRequest) throws -> PredictResponse
}
