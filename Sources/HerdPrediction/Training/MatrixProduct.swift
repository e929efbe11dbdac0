import CVectors

/// One operand of a product, addressed by strides so that a matrix and its transpose are the same memory.
struct StridedMatrix {
    var base: UnsafePointer<Float>
    /// Distance of two elements that differ by one in the row of the result.
    var rowStride: Int
    /// Distance of two elements that differ by one in the summed index.
    var sumStride: Int
}

/// Adds `left * right` to `result`: `result[r, c] += sum over s of left[r, s] * right[s, c]`.
///
/// The order of additions is fixed, so the result is the same on every CPU.
///
/// - Parameters:
///   - rows, columns, sum: the extents.
///   - right: `sum` x `columns`, rows `rightStride` apart.
///   - result: `rows` x `columns`, rows `resultStride` apart.
func addProduct(
    rows: Int, columns: Int, sum: Int, left: StridedMatrix, right: UnsafePointer<Float>, rightStride: Int,
    result: UnsafeMutablePointer<Float>, resultStride: Int
) {
    herd_add_product_f32(
        rows, columns, sum, left.base, left.rowStride, left.sumStride, right, rightStride, result, resultStride)
}

extension DenseMatrix<Float> {
    /// `self * other`.
    func times(_ other: DenseMatrix<Float>) -> DenseMatrix<Float> {
        var result = DenseMatrix<Float>(rows: rows, columns: other.columns)
        values.withUnsafeBufferPointer { left in
            other.values.withUnsafeBufferPointer { right in
                result.values.withUnsafeMutableBufferPointer { result in
                    guard let leftBase = left.baseAddress, let rightBase = right.baseAddress,
                        let resultBase = result.baseAddress
                    else { return }
                    addProduct(
                        rows: rows, columns: other.columns, sum: columns,
                        left: StridedMatrix(base: leftBase, rowStride: columns, sumStride: 1),
                        right: rightBase, rightStride: other.columns, result: resultBase, resultStride: other.columns)
                }
            }
        }
        return result
    }

    /// `transpose(self) * other`; both have equally many rows.
    func transposedTimes(_ other: DenseMatrix<Float>) -> DenseMatrix<Float> {
        var result = DenseMatrix<Float>(rows: columns, columns: other.columns)
        values.withUnsafeBufferPointer { left in
            other.values.withUnsafeBufferPointer { right in
                result.values.withUnsafeMutableBufferPointer { result in
                    guard let leftBase = left.baseAddress, let rightBase = right.baseAddress,
                        let resultBase = result.baseAddress
                    else { return }
                    addProduct(
                        rows: columns, columns: other.columns, sum: rows,
                        left: StridedMatrix(base: leftBase, rowStride: 1, sumStride: columns),
                        right: rightBase, rightStride: other.columns, result: resultBase, resultStride: other.columns)
                }
            }
        }
        return result
    }
}
