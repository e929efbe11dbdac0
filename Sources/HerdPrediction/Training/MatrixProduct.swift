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
/// Sums run in rising `s` with plain multiplications and additions, so the result is the same on every CPU. The inner tile
/// is 4 rows by 8 columns held in registers.
///
/// - Parameters:
///   - rows, columns, sum: the extents.
///   - right: `sum` x `columns`, rows `rightStride` apart.
///   - result: `rows` x `columns`, rows `resultStride` apart.
func addProduct(
    rows: Int, columns: Int, sum: Int, left: StridedMatrix, right: UnsafePointer<Float>, rightStride: Int,
    result: UnsafeMutablePointer<Float>, resultStride: Int
) {
    // A slab of `right` that stays in the first-level cache while the rows pass over it.
    let depth = 256
    var start = 0
    while start < sum {
        let count = min(depth, sum - start)
        var column = 0
        while column < columns {
            let width = min(8, columns - column)
            let rightTile = right + start * rightStride + column
            var row = 0
            while row < rows {
                let height = min(4, rows - row)
                let leftTile = left.base + row * left.rowStride + start * left.sumStride
                let target = result + row * resultStride + column
                if width == 8, height == 4 {
                    addTile(
                        sum: count, left: leftTile, left.rowStride, left.sumStride, right: rightTile, rightStride,
                        result: target, resultStride)
                } else {
                    addEdge(
                        rows: height, columns: width, sum: count, left: leftTile, left.rowStride, left.sumStride,
                        right: rightTile, rightStride, result: target, resultStride)
                }
                row += 4
            }
            column += 8
        }
        start += count
    }
}

private func load(_ pointer: UnsafePointer<Float>) -> SIMD4<Float> {
    UnsafeRawPointer(pointer).loadUnaligned(as: SIMD4<Float>.self)
}

private func add(_ value: SIMD4<Float>, to pointer: UnsafeMutablePointer<Float>) {
    let sum = load(pointer) + value
    UnsafeMutableRawPointer(pointer).storeBytes(of: sum, as: SIMD4<Float>.self)
}

private func addTile(
    sum: Int, left: UnsafePointer<Float>, _ rowStride: Int, _ sumStride: Int, right: UnsafePointer<Float>,
    _ rightStride: Int, result: UnsafeMutablePointer<Float>, _ resultStride: Int
) {
    var a0 = SIMD4<Float>.zero, a1 = SIMD4<Float>.zero
    var b0 = SIMD4<Float>.zero, b1 = SIMD4<Float>.zero
    var c0 = SIMD4<Float>.zero, c1 = SIMD4<Float>.zero
    var d0 = SIMD4<Float>.zero, d1 = SIMD4<Float>.zero
    var left = left
    var right = right
    for _ in 0..<sum {
        let r0 = load(right)
        let r1 = load(right + 4)
        let a = SIMD4(repeating: left[0])
        a0 += a * r0
        a1 += a * r1
        let b = SIMD4(repeating: left[rowStride])
        b0 += b * r0
        b1 += b * r1
        let c = SIMD4(repeating: left[2 * rowStride])
        c0 += c * r0
        c1 += c * r1
        let d = SIMD4(repeating: left[3 * rowStride])
        d0 += d * r0
        d1 += d * r1
        left += sumStride
        right += rightStride
    }
    add(a0, to: result)
    add(a1, to: result + 4)
    add(b0, to: result + resultStride)
    add(b1, to: result + resultStride + 4)
    add(c0, to: result + 2 * resultStride)
    add(c1, to: result + 2 * resultStride + 4)
    add(d0, to: result + 3 * resultStride)
    add(d1, to: result + 3 * resultStride + 4)
}

private func addEdge(
    rows: Int, columns: Int, sum: Int, left: UnsafePointer<Float>, _ rowStride: Int, _ sumStride: Int,
    right: UnsafePointer<Float>, _ rightStride: Int, result: UnsafeMutablePointer<Float>, _ resultStride: Int
) {
    for row in 0..<rows {
        for column in 0..<columns {
            var total: Float = 0
            for index in 0..<sum {
                total += left[row * rowStride + index * sumStride] * right[index * rightStride + column]
            }
            result[row * resultStride + column] += total
        }
    }
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
