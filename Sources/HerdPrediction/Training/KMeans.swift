/// Lloyd's algorithm with k-means++ seeding (Arthur and Vassilvitskii, SODA 2007).
enum KMeans {
    private static let iterations = 20

    /// Splits the rows into at most `count` clusters.
    ///
    /// - Parameter width: how many of the first columns are looked at.
    /// - Returns: the cluster of each row.
    static func cluster(
        _ rows: DenseMatrix<Float>, width: Int, count: Int, generator: inout SeededGenerator
    ) -> [Int] {
        let points = rows.selecting(Array(0..<rows.rows), width: width)
        var centres = seeds(points, count: count, generator: &generator)
        var assignment = [Int](repeating: 0, count: points.rows)
        for _ in 0..<iterations {
            let next = nearest(points, centres)
            if next == assignment { break }
            assignment = next
            var sums = DenseMatrix<Float>(rows: centres.rows, columns: width)
            var sizes = [Float](repeating: 0, count: centres.rows)
            for (row, cluster) in assignment.enumerated() {
                sizes[cluster] += 1
                for column in 0..<width { sums[cluster, column] += points[row, column] }
            }
            // An empty cluster keeps its centre.
            for cluster in 0..<centres.rows where sizes[cluster] > 0 {
                for column in 0..<width { centres[cluster, column] = sums[cluster, column] / sizes[cluster] }
            }
        }
        return assignment
    }

    private static func seeds(
        _ points: DenseMatrix<Float>, count: Int, generator: inout SeededGenerator
    ) -> DenseMatrix<Float> {
        var chosen = [generator.below(points.rows)]
        var distances = [Double](repeating: .infinity, count: points.rows)
        while chosen.count < count, let last = chosen.last {
            var total = 0.0
            for row in 0..<points.rows {
                var distance = 0.0
                for column in 0..<points.columns {
                    let difference = Double(points[row, column] - points[last, column])
                    distance += difference * difference
                }
                distances[row] = min(distances[row], distance)
                total += distances[row]
            }
            // Fewer distinct points than clusters.
            guard total > 0 else { break }
            var target = Double(generator.next() >> 11) * 0x1p-53 * total
            var next = points.rows - 1
            for row in 0..<points.rows {
                target -= distances[row]
                if target < 0 {
                    next = row
                    break
                }
            }
            chosen.append(next)
        }
        return points.selecting(chosen, width: points.columns)
    }

    private static func nearest(_ points: DenseMatrix<Float>, _ centres: DenseMatrix<Float>) -> [Int] {
        let products = points.times(centres.transposed)
        let halfNorms = (0..<centres.rows).map { centre in
            (0..<centres.columns).reduce(Float(0)) { $0 + centres[centre, $1] * centres[centre, $1] } / 2
        }
        return (0..<points.rows).map { row in
            var best = 0
            for centre in 1..<max(1, centres.rows)
            where products[row, centre] - halfNorms[centre] > products[row, best] - halfNorms[best] {
                best = centre
            }
            return best
        }
    }
}
