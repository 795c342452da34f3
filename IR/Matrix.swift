import Foundation

/// Rows of f32, row-major, and the arithmetic of the interpreter on them.
struct Matrix {
    let rows: Int
    let width: Int
    let values: [Float]

    init(rows: Int, width: Int, values: [Float]) {
        self.rows = rows
        self.width = width
        self.values = values
    }

    /// A matrix of the rows that `row` gives, which have `width` elements each.
    init(rows: Int, width: Int, _ row: (Int) throws -> [Float]) rethrows {
        var values: [Float] = []
        values.reserveCapacity(rows * width)
        for index in 0..<rows { values += try row(index) }
        self.init(rows: rows, width: width, values: values)
    }

    func row(_ index: Int) -> ArraySlice<Float> { values[index * width..<(index + 1) * width] }

    func columns(_ range: Range<Int>) -> Matrix {
        Matrix(rows: rows, width: range.count) { Array(row($0).dropFirst(range.lowerBound).prefix(range.count)) }
    }

    func mapped(_ function: (Float) -> Float) -> Matrix {
        Matrix(rows: rows, width: width, values: values.map(function))
    }

    func combined(with other: Matrix, _ function: (Float, Float) -> Float) -> Matrix {
        Matrix(rows: rows, width: width, values: zip(values, other.values).map(function))
    }

    func plusEachRow(_ vector: [Float]) -> Matrix {
        Matrix(rows: rows, width: width) { zip(row($0), vector).map(+) }
    }

    /// x wᵀ, with w of shape (N, K).
    func times(_ weight: Tensor) -> Matrix {
        let columns = weight.shape[0]
        let result = [Float](unsafeUninitializedCapacity: rows * columns) { result, count in
            values.withUnsafeBufferPointer { x in
                weight.floats.withUnsafeBufferPointer { w in
                    for row in 0..<rows {
                        for column in 0..<columns {
                            let a = UnsafeBufferPointer(rebasing: x[row * width..<(row + 1) * width])
                            let b = UnsafeBufferPointer(rebasing: w[column * width..<(column + 1) * width])
                            result.initializeElement(at: row * columns + column, to: dot(a, b))
                        }
                    }
                }
            }
            count = rows * columns
        }
        return Matrix(rows: rows, width: columns, values: result)
    }

    /// RMSNorm of every row (arXiv 1910.07467, with `eps` under the root).
    func normalized(_ weight: [Float], eps: Float) -> Matrix {
        Matrix(rows: rows, width: width) { index in
            let row = row(index)
            let mean = row.reduce(Float(0)) { $0 + $1 * $1 } / Float(width)
            let factor = 1 / (mean + eps).squareRoot()
            return zip(row, weight).map { $0 * factor * $1 }
        }
    }

    /// The rotary embedding of interleaved pairs (arXiv 2104.09864, section 3.4.2). Angles are taken in Double: a late
    /// position times a frequency in f32 would lose the angle's last digits.
    func rotated(_ positions: [Int32], heads: Int, base: Float) -> Matrix {
        let dimension = width / heads
        return Matrix(rows: rows, width: width) { index in
            var row = Array(row(index))
            for column in stride(from: 0, to: width, by: 2) {
                let pair = Double(column % dimension)
                let angle = Double(positions[index]) * pow(Double(base), -pair / Double(dimension))
                let (cosine, sine) = (Float(cos(angle)), Float(sin(angle)))
                let (first, second) = (row[column], row[column + 1])
                row[column] = first * cosine - second * sine
                row[column + 1] = first * sine + second * cosine
            }
            return row
        }
    }

    /// The column of each row's largest element, the first of equals; `i32[rows]`.
    func argmax() -> Tensor {
        let columns = (0..<rows).map { index in
            let row = Array(row(index))
            return Int32(row.indices.dropFirst().reduce(0) { best, column in row[column] > row[best] ? column : best })
        }
        return Tensor(columns, shape: [rows])
    }
}

/// x / (1 + e^−x)
func silu(_ x: Float) -> Float { x / (1 + exp(-x)) }

/// The Euclidean norm.
func norm(_ row: ArraySlice<Float>) -> Float { row.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot() }

/// e^x in f32.
func exp(_ x: Float) -> Float { Foundation.exp(x) }

/// Four partial sums, because a single one would wait for each addition in turn.
private func dot(_ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>) -> Float {
    var sums = SIMD4<Float>()
    let whole = a.count & ~3
    for index in stride(from: 0, to: whole, by: 4) {
        sums +=
            SIMD4(a[index], a[index + 1], a[index + 2], a[index + 3])
            * SIMD4(b[index], b[index + 1], b[index + 2], b[index + 3])
    }
    var sum = sums.sum()
    for index in whole..<a.count { sum += a[index] * b[index] }
    return sum
}
