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

    /// A matrix with the rows that the closure returns, which have `width` elements each.
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
        let floats = weight.floats
        let result = [Float](unsafeUninitializedCapacity: rows * columns) { result, count in
            values.withUnsafeBufferPointer { x in
                floats.withUnsafeBufferPointer { w in
                    guard let x = x.baseAddress, let w = w.baseAddress, let result = result.baseAddress else { return }
                    var next = result
                    for row in 0..<rows {
                        for column in 0..<columns {
                            next.initialize(to: dot(x + row * width, w + column * width, count: width))
                            next += 1
                        }
                    }
                    count = rows * columns
                }
            }
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

    /// The rotary embedding of interleaved pairs (arXiv 2104.09864, section 3.4.2). Angles are computed in Double,
    /// because the product of a late position and a frequency in f32 would lose the last digits of the angle. Both columns of a pair are multiplied by `magnitude`.
    func rotated(_ positions: [Int32], heads: Int, frequencies: [Float], magnitude: Float) -> Matrix {
        let dimension = width / heads
        return Matrix(rows: rows, width: width) { index in
            var row = Array(row(index))
            for column in stride(from: 0, to: width, by: 2) {
                let angle = Double(positions[index]) * Double(frequencies[column % dimension / 2])
                let (cosine, sine) = (magnitude * Float(cos(angle)), magnitude * Float(sin(angle)))
                let (first, second) = (row[column], row[column + 1])
                row[column] = first * cosine - second * sine
                row[column + 1] = first * sine + second * cosine
            }
            return row
        }
    }

    /// The column of each row's largest element, the first if several are equal; `i32[rows]`.
    func argmax() -> Tensor {
        let columns = (0..<rows).map { index -> Int32 in
            let row = Array(row(index))
            guard row.allSatisfy({ $0 < .infinity }), let largest = row.max(), largest > -.infinity else { return -1 }
            return Int32(row.firstIndex(of: largest) ?? -1)
        }
        return Tensor(columns, shape: [rows])
    }
}

/// x / (1 + e^−x)
func silu(_ x: Float) -> Float { x / (1 + exp(-x)) }

/// 1 / (1 + e^−x).
func sigmoid(_ x: Float) -> Float { 1 / (1 + exp(-x)) }

/// The Euclidean norm.
func norm(_ row: ArraySlice<Float>) -> Float { row.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot() }

/// e^x in f32.
func exp(_ x: Float) -> Float { Foundation.exp(x) }

/// The dot product of `count` numbers. Four partial sums are used because a single one would wait for every addition in
/// turn. Raw pointers and `while` keep a debug build fast enough for tests, because it calls a function for every
/// subscript and every step of a range.
private func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
    var (s0, s1, s2, s3): (Float, Float, Float, Float) = (0, 0, 0, 0)
    var index = 0
    while index + 4 <= count {
        s0 += a[index] * b[index]
        s1 += a[index + 1] * b[index + 1]
        s2 += a[index + 2] * b[index + 2]
        s3 += a[index + 3] * b[index + 3]
        index += 4
    }
    while index < count {
        s0 += a[index] * b[index]
        index += 1
    }
    return (s0 + s1) + (s2 + s3)
}
