/// A matrix of numbers in one block of memory, row after row.
struct DenseMatrix<Element: BinaryFloatingPoint & Sendable>: Sendable {
    let rows: Int
    let columns: Int
    var values: [Element]

    init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        values = [Element](repeating: 0, count: rows * columns)
    }

    /// - Parameter values: `rows * columns` of them.
    init(rows: Int, columns: Int, values: [Element]) {
        self.rows = rows
        self.columns = columns
        self.values = values
    }

    subscript(row: Int, column: Int) -> Element {
        get { values[row * columns + column] }
        set { values[row * columns + column] = newValue }
    }

    /// The given rows, in the given order, and of them the first `width` columns.
    func selecting(_ indices: [Int], width: Int) -> DenseMatrix {
        var selected: [Element] = []
        selected.reserveCapacity(indices.count * width)
        for index in indices { selected.append(contentsOf: values[index * columns..<index * columns + width]) }
        return DenseMatrix(rows: indices.count, columns: width, values: selected)
    }

    /// The sum of two matrices of one shape.
    func plus(_ other: DenseMatrix) -> DenseMatrix {
        var result = self
        for index in result.values.indices { result.values[index] += other.values[index] }
        return result
    }

    var transposed: DenseMatrix {
        var result = DenseMatrix(rows: columns, columns: rows)
        for row in 0..<rows {
            for column in 0..<columns { result.values[column * rows + row] = values[row * columns + column] }
        }
        return result
    }
}
