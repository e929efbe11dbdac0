/// The lower factor L of a symmetric positive definite matrix A = L * transpose(L).
struct CholeskyFactor {
    private let size: Int
    private var lower: [Double]

    /// - Returns: nil where the matrix is not positive definite.
    init?(_ matrix: DenseMatrix<Double>, addingToDiagonal ridge: Double) {
        let size = matrix.rows
        self.size = size
        lower = matrix.values
        var isPositive = true
        lower.withUnsafeMutableBufferPointer { lower in
            for row in 0..<size {
                for column in 0...row {
                    let product = dot(lower, row * size, column * size, column)
                    var value = lower[row * size + column] - product
                    if row == column {
                        value += ridge
                        guard value > 0, value.isFinite else {
                            isPositive = false
                            return
                        }
                        lower[row * size + column] = value.squareRoot()
                    } else {
                        lower[row * size + column] = value / lower[column * size + column]
                    }
                }
            }
        }
        if !isPositive { return nil }
    }

    /// Solves `A * X = right` in place, for every column of `right` at once.
    func solve(_ right: inout DenseMatrix<Double>) {
        let columns = right.columns
        let size = self.size
        right.values.withUnsafeMutableBufferPointer { right in
            lower.withUnsafeBufferPointer { lower in
                for row in 0..<size {
                    for earlier in 0..<row {
                        let factor = lower[row * size + earlier]
                        for column in 0..<columns {
                            right[row * columns + column] -= factor * right[earlier * columns + column]
                        }
                    }
                    for column in 0..<columns { right[row * columns + column] /= lower[row * size + row] }
                }
                for row in (0..<size).reversed() {
                    for column in 0..<columns { right[row * columns + column] /= lower[row * size + row] }
                    for earlier in 0..<row {
                        let factor = lower[row * size + earlier]
                        for column in 0..<columns {
                            right[earlier * columns + column] -= factor * right[row * columns + column]
                        }
                    }
                }
            }
        }
    }
}

/// The dot product of `count` values from two places, summed in eight lanes.
private func dot(_ values: UnsafeMutableBufferPointer<Double>, _ left: Int, _ right: Int, _ count: Int) -> Double {
    guard let base = values.baseAddress else { return 0 }
    let leftBase = UnsafeRawPointer(base + left)
    let rightBase = UnsafeRawPointer(base + right)
    var first = SIMD4<Double>.zero
    var second = SIMD4<Double>.zero
    var index = 0
    while index + 8 <= count {
        first +=
            leftBase.loadUnaligned(fromByteOffset: index * 8, as: SIMD4<Double>.self)
            * rightBase.loadUnaligned(fromByteOffset: index * 8, as: SIMD4<Double>.self)
        second +=
            leftBase.loadUnaligned(fromByteOffset: index * 8 + 32, as: SIMD4<Double>.self)
            * rightBase.loadUnaligned(fromByteOffset: index * 8 + 32, as: SIMD4<Double>.self)
        index += 8
    }
    let lanes = first + second
    var total = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
    while index < count {
        total += base[left + index] * base[right + index]
        index += 1
    }
    return total
}
