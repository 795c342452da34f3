import Foundation
import IR
import Testing

/// Weights that are made of parts of tensors, as the interpreter puts them together.
@Suite struct AssembledWeightTests {
    private let x = InterpreterTests.rows([[1, 2, 3], [-1, 0, 4]])

    @Test func `a weight that is a range of columns is cut from its source`() throws {
        let results = try InterpreterTests.run(
            "%y = linear %x, @w : f32[rows,2]", returns: "%y : f32[rows,2]",
            declarations: "weight @w : f32[2,3] = @whole[2,5][:, 1:4]", parameters: [("x", x)],
            weights: ["whole": InterpreterTests.rows([[9, 1, 0, 2, 9], [9, -1, 1, 0.5, 9]])])
        #expect(results == [InterpreterTests.rows([[7, 2.5], [7, 3]])])
    }

    @Test func `a weight of several parts has the rows of one after those of another`() throws {
        let results = try InterpreterTests.run(
            "%y = linear %x, @w : f32[rows,3]", returns: "%y : f32[rows,3]",
            declarations: "weight @w : f32[3,3] = @a[1,3], @b[2,1,4][:, 0:3]", parameters: [("x", x)],
            weights: [
                "a": InterpreterTests.rows([[1, 0, 0]]),
                "b": Tensor([0, 1, 0, 9, 0, 0, 1, 9] as [Float], shape: [2, 1, 4]),
            ])
        #expect(results == [InterpreterTests.rows([[1, 2, 3], [-1, 0, 4]])])
    }

    @Test func `rows of a model that pairs halves come in the order in which rope turns them, and others stay`() throws
    {
        let tensor = InterpreterTests.rows((0..<10).map { [Float($0)] })
        let text = "weight @w : f32[10,1] = @t[10,1] halves 2 of 4\nweight @v : f32[10] = @u[10] halves 1 of 6"
        let results = try InterpreterTests.run(
            "%y = linear %x, @w : f32[rows,10]\n%z = bias %y, @v : f32[rows,10]",
            returns: "%y : f32[rows,10]; %z : f32[rows,10]", declarations: text,
            parameters: [("x", InterpreterTests.rows([[1]]))],
            weights: ["t": tensor, "u": Tensor(tensor.floats, shape: [10])])
        #expect(results[0] == InterpreterTests.rows([[0, 2, 1, 3, 4, 6, 5, 7, 8, 9]]))
        let vector: [Float] = [0, 3, 1, 4, 2, 5, 6, 7, 8, 9]
        #expect(results[1] == InterpreterTests.rows([zip(results[0].floats, vector).map(+)]))
    }

    /// The rotary embedding of the columns j and j + D/2, as models of Llama's kind compute it.
    @Test func `scores of a model that pairs halves are those of its reordered matrices`() throws {
        let dimension = 6
        let frequencies = RotaryFrequencies(base: 10).values(pairs: dimension / 2)
        func matrix(_ seed: Int) -> [[Float]] {
            (0..<2 * dimension).map { row in (0..<3).map { Float((row * 7 + $0 * 5 + seed * 3) % 11) / 4 - 1 } }
        }
        let (q, k) = (matrix(1), matrix(2))
        let positions: [Int32] = [3, 11]
        func halves(_ weights: [[Float]], _ input: [Float], _ position: Int32) -> [Float] {
            let projected = weights.map { zip($0, input).reduce(0) { $0 + $1.0 * $1.1 } }
            return (0..<2 * dimension).map { column in
                let (head, place) = (column / dimension, column % dimension)
                let pair = place % (dimension / 2)
                let angle = Float(position) * frequencies[pair]
                let (first, second) = (
                    projected[head * dimension + pair], projected[head * dimension + pair + dimension / 2]
                )
                return place < dimension / 2
                    ? first * cos(angle) - second * sin(angle) : second * cos(angle) + first * sin(angle)
            }
        }
        let inputs: [[Float]] = [[1, -0.5, 2], [0.25, 3, -1]]
        let results = try InterpreterTests.run(
            """
            %q0 = linear %x, @q : f32[rows,12]
            %k0 = linear %x, @k : f32[rows,12]
            %a = rope %q0, %p, @r {heads = 2, magnitude = 1} : f32[rows,12]
            %b = rope %k0, %p, @r {heads = 2, magnitude = 1} : f32[rows,12]
            """,
            returns: "%a : f32[rows,12]; %b : f32[rows,12]",
            declarations: """
                weight @q : f32[12,3] = @stored_q[12,3] halves 2 of 6
                weight @k : f32[12,3] = @stored_k[12,3] halves 2 of 6
                weight @r : f32[3] = frequencies {base = 10.0}
                """,
            parameters: [("x", InterpreterTests.rows(inputs)), ("p", InterpreterTests.column(positions))],
            weights: ["stored_q": InterpreterTests.rows(q), "stored_k": InterpreterTests.rows(k)])
        func score(_ query: ArraySlice<Float>, _ key: ArraySlice<Float>) -> Float {
            zip(query, key).reduce(0) { $0 + $1.0 * $1.1 }
        }
        for row in 0..<2 {
            for other in 0..<2 {
                let (query, key) = (halves(q, inputs[row], positions[row]), halves(k, inputs[other], positions[other]))
                for head in 0..<2 {
                    let columns = head * dimension..<(head + 1) * dimension
                    let wanted = score(query[columns], key[columns])
                    let found = score(
                        results[0].floats[row * 12 + columns.lowerBound..<row * 12 + columns.upperBound],
                        results[1].floats[other * 12 + columns.lowerBound..<other * 12 + columns.upperBound])
                    #expect(abs(wanted - found) < 1e-4, "rows \(row) and \(other), head \(head)")
                }
            }
        }
    }
}
