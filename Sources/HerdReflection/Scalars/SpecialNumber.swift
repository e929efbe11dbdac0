/// What protobuf's JSON mapping writes for floating-point values that JSON has no number for.
enum SpecialNumber: String {
    case nan = "NaN"
    case infinity = "Infinity"
    case negativeInfinity = "-Infinity"

    /// - Parameter value: not finite.
    init(_ value: some BinaryFloatingPoint) {
        self = value.isNaN ? .nan : value > 0 ? .infinity : .negativeInfinity
    }

    var value: Double {
        switch self {
        case .nan: .nan
        case .infinity: .infinity
        case .negativeInfinity: -.infinity
        }
    }
}
