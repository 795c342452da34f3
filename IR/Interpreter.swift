import Failures

/// The error of a function that cannot be run.
public typealias InterpreterError = Failure<Interpreter>

/// An interpreter in float32 with plain loops. It defines the meaning of the IR: a pass is correct if a function means
/// the same before and after it, and the executor is correct if it agrees with the interpreter.
///
/// Sums are taken in f32. Results that are declared bf16 or q8 are rounded to nearest even, once, after the operation.
public struct Interpreter: Sendable {
    private let module: Module
    private let weights: [String: Tensor]

    /// - Parameter tensors: the checkpoint. A weight that is a range of columns is cut from its source. A weight whose
    ///   declared element type differs from its tensor's is rounded to it, see ``Tensor/init(_:shape:element:)``.
    /// - Throws: ``VerificationError`` if the module is not well formed, ``InterpreterError`` if a tensor is missing or
    ///   has another shape.
    public init(module: Module, weights tensors: [String: Tensor]) throws {
        try verify(module)
        self.module = module
        weights = try Dictionary(uniqueKeysWithValues: module.weights.map { ($0.name, try $0.tensor(from: tensors)) })
    }

    /// Runs a function on concrete arguments.
    /// - Parameters:
    ///   - arguments: one per parameter, all with the same number of rows.
    ///   - recurrences: the number of iterations of `repeat recurrences`.
    ///   - advance: the recurrences that the call adds to the depth of its rows, for later readers of the caches; nil for
    ///     the number that the function writes to recurrent caches.
    ///   - caches: the caches that the function reads and writes; their budget applies.
    /// - Returns: one tensor per returned value.
    /// - Throws: ``InterpreterError`` if the arguments do not fit, a token is out of range, or an earlier position of a
    ///   row's sequence has not been written.
    public func run(
        _ name: String, arguments: [Tensor], recurrences: Int = 0, advance: Int? = nil, caches: inout CacheState
    ) throws -> [Tensor] {
        guard let function = module.function(name) else {
            let known = module.functions.map { "@" + $0.name }.joined(separator: ", ")
            throw InterpreterError("there is no function @\(name); the module has \(known.isEmpty ? "none" : known)")
        }
        guard (0...largestCount).contains(recurrences) else {
            throw InterpreterError("cannot run \(recurrences) recurrences, expected a number from 0 to \(largestCount)")
        }
        guard arguments.count == function.parameters.count else {
            throw InterpreterError(
                "@\(name) was given \(arguments.count) arguments, expected \(function.parameters.count)")
        }
        let rows = arguments.first?.shape.first ?? 0
        var call = Call(
            weights: weights, module: module, rows: rows, recurrences: recurrences,
            advance: advance ?? function.writtenRecurrences(recurrences, in: module), caches: caches)
        for (parameter, argument) in zip(function.parameters, arguments) {
            guard argument.fits(parameter.type, rowCount: rows) else {
                throw InterpreterError(
                    "argument %\(parameter.name) of @\(name) is \(argument.typeText), expected \(parameter.type) with "
                        + "\(rows) rows")
            }
            call.values[parameter.name] = argument
        }
        do {
            try call.run(function.operations, recurrence: 0)
        } catch let error as InterpreterError {
            throw InterpreterError("@\(name): \(error)")
        }
        caches = call.caches
        return try function.returns.map { try call.value($0) }
    }
}

extension Weight {
    /// The weight's numbers, put together from the checkpoint's.
    fileprivate func tensor(from tensors: [String: Tensor]) throws -> Tensor {
        let extents = type.fixedExtents ?? []
        if case .frequencies(let frequencies)? = source {
            return Tensor(frequencies.values(pairs: extents.first ?? 0), shape: extents)
        }
        // A tensor that already has the weight's element type is not rounded again.
        if source == nil, let tensor = tensors[name], tensor.element == type.element, tensor.shape == extents {
            return tensor
        }
        let floats = try pieces.flatMap { piece in
            guard let tensor = tensors[piece.tensor] else {
                throw InterpreterError("no tensor was given for weight @\(piece.tensor)")
            }
            guard tensor.element != .i32, tensor.shape == piece.shape else {
                throw InterpreterError(
                    "the tensor for @\(name) is \(tensor.typeText), expected the shape \(piece.shape) of @\(piece.tensor)"
                )
            }
            return piece.floats(of: tensor, inMatrix: extents.count == 2)
        }
        return Tensor(floats, shape: extents, element: type.element)
    }
}

extension WeightPiece {
    /// The piece's numbers in the order of the weight.
    fileprivate func floats(of tensor: Tensor, inMatrix: Bool) -> [Float] {
        let (floats, width) = (tensor.floats, storedWidth(inMatrix: inMatrix))
        let (columns, rows) = (self.columns ?? 0..<width, floats.count / width)
        return (0..<rows).flatMap { row in
            let start = pairing.storedRow(row) * width
            return floats[start + columns.lowerBound..<start + columns.upperBound]
        }
    }
}

extension Function {
    /// One more than the largest recurrence at which the function writes a recurrent cache.
    fileprivate func writtenRecurrences(_ recurrences: Int, in module: Module) -> Int {
        var written = 0
        forEachOperation { operation, loop in
            guard operation.opcode.traits.cache == .write, let name = operation.cacheName,
                module.cache(name)?.isRecurrent == true
            else { return }
            switch (operation.recurrence(), loop?.body?.count) {
            case (.number(let number), _): written = max(written, number + 1)
            case (.induction, .number(let count)): written = max(written, count)
            case (.induction, .recurrences): written = max(written, recurrences)
            default: break
            }
        }
        return written
    }
}

/// The state of one run. The module is verified, so operands, symbols and attributes are as their opcode needs them.
/// The accessors throw where Swift's types require a check all the same.
private struct Call {
    let weights: [String: Tensor]
    let module: Module
    let rows: Int
    let recurrences: Int
    let advance: Int
    var caches: CacheState
    var values: [String: Tensor] = [:]

    mutating func run(_ operations: [Operation], recurrence: Int) throws {
        for operation in operations {
            if let body = operation.body {
                try run(operation, body)
                continue
            }
            do {
                let results = try evaluate(operation, recurrence: recurrence)
                for (value, tensor) in zip(operation.results, results) { values[value.name] = tensor }
            } catch let error as InterpreterError {
                throw InterpreterError("`\(operation.firstLine)`: \(error)")
            }
        }
    }

    mutating func run(_ operation: Operation, _ body: LoopBody) throws {
        let count =
            switch body.count {
            case .number(let number): number
            case .recurrences: recurrences
            }
        var carried = try operation.operands.map { try value($0) }
        for iteration in 0..<count {
            for (parameter, tensor) in zip(body.parameters, carried) { values[parameter.name] = tensor }
            try run(body.operations, recurrence: iteration)
            carried = try body.yields.map { try value($0) }
        }
        for (result, tensor) in zip(operation.results, carried) { values[result.name] = tensor }
    }

    // MARK: Access

    func value(_ value: Value) throws -> Tensor {
        guard let tensor = values[value.name] else { throw InterpreterError("%\(value.name) has no value") }
        return tensor
    }

    func weight(_ operation: Operation, _ index: Int) throws -> Tensor {
        guard let tensor = weights[operation.symbols[index]] else {
            throw InterpreterError("@\(operation.symbols[index]) has no tensor")
        }
        return tensor
    }

    func matrix(_ operation: Operation, _ index: Int) throws -> Matrix {
        let tensor = try value(operation.operands[index])
        return Matrix(rows: rows, width: tensor.shape.last ?? 0, values: tensor.floats)
    }

    func vector(_ operation: Operation, _ index: Int) throws -> [Float] { try value(operation.operands[index]).floats }

    func indices(_ operation: Operation, _ index: Int) throws -> [Int32] {
        try value(operation.operands[index]).integers
    }

    /// The recurrences that each row's position has had before the call.
    func depths(_ operation: Operation, _ index: Int) throws -> [Int] {
        try indices(operation, index).enumerated().map { row, depth in
            guard (0...largestCount - max(advance, recurrences)).contains(Int(depth)) else {
                throw InterpreterError("row \(row) has depth \(depth), expected at least 0")
            }
            return Int(depth)
        }
    }

    func heads(_ operation: Operation) -> Int { operation.integer("heads") ?? 1 }

    func cache(_ operation: Operation) throws -> Cache {
        guard let name = operation.cacheName, let cache = module.cache(name) else {
            throw InterpreterError("the cache is not declared")
        }
        return cache
    }

    // MARK: Operations

    /// The results of any operation except `repeat`. `recurrence` is the value of `induction`.
    mutating func evaluate(_ operation: Operation, recurrence: Int) throws -> [Tensor] {
        let eps = operation.float("eps") ?? 0
        /// A result, rounded to the element type that is declared for it.
        func result(_ matrix: Matrix, _ index: Int = 0) -> Tensor {
            Tensor(matrix.values, shape: [rows, matrix.width], element: operation.results[index].type.element)
        }
        switch operation.opcode {
        case .embed:
            let tokens = try indices(operation, 0)
            return [result(try embed(tokens, try weight(operation, 0), scale: operation.float("scale") ?? 1))]
        case .linear:
            return [result(try matrix(operation, 0).times(weight(operation, 0)))]
        case .slice:
            let columns = (operation.integer("from") ?? 0)..<(operation.integer("to") ?? 0)
            return [result(try matrix(operation, 0).columns(columns))]
        case .concat:
            let (a, b) = (try matrix(operation, 0), try matrix(operation, 1))
            return [result(Matrix(rows: rows, width: a.width + b.width) { Array(a.row($0)) + b.row($0) })]
        case .bias:
            let (x, b) = (try matrix(operation, 0), try weight(operation, 0).floats)
            return [result(x.plusEachRow(b))]
        case .rope:
            let positions = try indices(operation, 1)
            return [
                result(try rope(matrix(operation, 0), positions, weight(operation, 0), operation, heads(operation)))
            ]
        case .cacheWrite:
            try write(
                keys: matrix(operation, 0), values: matrix(operation, 1), slots: indices(operation, 2),
                positions: indices(operation, 3), depths: depths(operation, 4), operation, recurrence)
            return []
        case .wavefrontAttention:
            return [result(try attention(operation, recurrence))]
        case .norm:
            return [result(try matrix(operation, 0).normalized(weight(operation, 0).floats, eps: eps))]
        case .add:
            return [result(try matrix(operation, 0).combined(with: matrix(operation, 1), +))]
        case .silu:
            return [result(try matrix(operation, 0).mapped(silu))]
        case .sigmoid:
            return [result(try matrix(operation, 0).mapped(sigmoid))]
        case .multiply:
            return [result(try matrix(operation, 0).combined(with: matrix(operation, 1), *))]
        case .mix:
            let (a, b) = (try matrix(operation, 0), try matrix(operation, 1))
            let (p, q) = (try vector(operation, 2), try vector(operation, 3))
            return [
                result(
                    Matrix(rows: rows, width: a.width) { row in
                        if q[row] == 0 { return a.row(row).map { p[row] * $0 } }
                        return zip(a.row(row), b.row(row)).map { p[row] * $0 + q[row] * $1 }
                    })
            ]
        case .start:
            let (fresh, state) = (try matrix(operation, 0), try matrix(operation, 1))
            let depths = try depths(operation, 2)
            return [
                result(
                    Matrix(rows: rows, width: fresh.width) { Array(depths[$0] == 0 ? fresh.row($0) : state.row($0)) })
            ]
        case .argmax:
            return [try matrix(operation, 0).argmax()]
        case .relativeDifference:
            let (a, b) = (try matrix(operation, 0), try matrix(operation, 1))
            let difference = a.combined(with: b, -)
            let ratios = (0..<rows).map { norm(difference.row($0)) / norm(a.row($0)) }
            return [Tensor(ratios, shape: [rows])]
        case .convert:
            return [result(try matrix(operation, 0))]
        case .repeat:
            throw InterpreterError("the loop has no body")
        case .projectRopeWrite:
            return [result(try projectRopeWrite(operation, recurrence))]
        case .linearSiluGate:
            let product = try matrix(operation, 0).times(weight(operation, 0))
            let half = product.width / 2
            let gate = product.columns(0..<half).mapped(silu)
            return [result(gate.combined(with: product.columns(half..<product.width), *))]
        case .addNorm:
            let sum = try matrix(operation, 0).combined(with: matrix(operation, 1), +)
            return [result(sum.normalized(try weight(operation, 0).floats, eps: eps))]
        case .addNormNorm:
            let sum = try matrix(operation, 0).combined(with: matrix(operation, 1), +)
            let first = sum.normalized(try weight(operation, 0).floats, eps: eps)
            return [result(first), result(first.normalized(try weight(operation, 1).floats, eps: eps), 1)]
        case .addKeepNorm:
            let sum = try matrix(operation, 0).combined(with: matrix(operation, 1), +)
            return [result(sum), result(sum.normalized(try weight(operation, 0).floats, eps: eps), 1)]
        case .normAdd:
            let normed = try matrix(operation, 0).normalized(weight(operation, 0).floats, eps: eps)
            return [result(normed.combined(with: try matrix(operation, 1), +))]
        case .normAddKeepNorm:
            let normed = try matrix(operation, 0).normalized(weight(operation, 0).floats, eps: eps)
            let sum = normed.combined(with: try matrix(operation, 1), +)
            return [result(sum), result(sum.normalized(try weight(operation, 1).floats, eps: eps), 1)]
        case .linearArgmax:
            return [try matrix(operation, 0).times(weight(operation, 0)).argmax()]
        case .normRopeWrite:
            return [result(try normRopeWrite(operation, recurrence))]
        }
    }

    func embed(_ tokens: [Int32], _ table: Tensor, scale: Float) throws -> Matrix {
        let (vocabulary, width) = (table.shape[0], table.shape[1])
        if let row = tokens.firstIndex(where: { $0 < 0 || Int($0) >= vocabulary }) {
            throw InterpreterError("row \(row) has token \(tokens[row]), expected one from 0 to \(vocabulary - 1)")
        }
        let floats = table.floats
        return Matrix(rows: rows, width: width) { row in
            floats[Int(tokens[row]) * width..<(Int(tokens[row]) + 1) * width].map { $0 * scale }
        }
    }

    func rope(
        _ x: Matrix, _ positions: [Int32], _ frequencies: Tensor, _ operation: Operation, _ heads: Int
    ) throws -> Matrix {
        if let row = positions.firstIndex(where: { $0 < 0 }) {
            throw InterpreterError("row \(row) has position \(positions[row]), expected at least 0")
        }
        return x.rotated(
            positions, heads: heads, frequencies: frequencies.floats, magnitude: operation.float("magnitude") ?? 1)
    }

    func number(_ operation: Operation, _ iteration: Int) -> Int {
        if case .number(let number)? = operation.recurrence() { number } else { iteration }
    }

    mutating func write(
        keys: Matrix, values: Matrix, slots: [Int32], positions: [Int32], depths: [Int], _ operation: Operation,
        _ iteration: Int
    ) throws {
        let cache = try cache(operation)
        struct Place: Hashable {
            var slot: Int32
            var position: Int32
        }
        if cache.isRecurrent { try checkOrder(slots: slots, positions: positions, depths: depths) }
        var written: Set<Place> = []
        for row in 0..<rows {
            guard slots[row] >= 0, positions[row] >= 0 else {
                throw InterpreterError(
                    "row \(row) has slot \(slots[row]) and position \(positions[row]), expected at least 0 of both")
            }
            guard written.insert(Place(slot: slots[row], position: positions[row])).inserted else {
                throw InterpreterError("two rows of the call are position \(positions[row]) of slot \(slots[row])")
            }
            caches.write(
                CacheState.Entry(keys: keys.row(row), values: values.row(row)), to: cache, slot: slots[row],
                position: positions[row], recurrence: depths[row] + number(operation, iteration),
                depth: depths[row] + advance)
        }
    }

    /// A younger row that is deeper than an older one would read recurrences that the older one has not had.
    func checkOrder(slots: [Int32], positions: [Int32], depths: [Int]) throws {
        let ordered = (0..<rows).sorted { (slots[$0], positions[$0]) < (slots[$1], positions[$1]) }
        for (older, younger) in zip(ordered, ordered.dropFirst())
        where slots[older] == slots[younger] && depths[older] < depths[younger] {
            throw InterpreterError(
                "position \(positions[younger]) of slot \(slots[younger]) has depth \(depths[younger]), and position "
                    + "\(positions[older]) has \(depths[older]): depths may not rise along a sequence")
        }
    }

    func attention(_ operation: Operation, _ iteration: Int) throws -> Matrix {
        let queries = try matrix(operation, 0)
        let (slots, positions) = (try indices(operation, 1), try indices(operation, 2))
        let depths = try depths(operation, 3)
        let cache = try cache(operation)
        let dimension = queries.width / heads(operation)
        let group = heads(operation) * dimension / cache.type.width
        let scale = 1 / Float(dimension).squareRoot()
        return try Matrix(rows: rows, width: queries.width) { row in
            guard positions[row] >= 0 else {
                throw InterpreterError("row \(row) has position \(positions[row]), expected at least 0")
            }
            let recurrence = depths[row] + number(operation, iteration)
            let entries = try (0...positions[row]).map { position in
                guard let entry = caches.read(cache, slot: slots[row], position: position, recurrence: recurrence)
                else {
                    throw InterpreterError(
                        "row \(row) reads position \(position) of slot \(slots[row]) at recurrence \(recurrence), which "
                            + "has not been written")
                }
                return entry
            }
            let query = queries.row(row)
            var output = [Float](repeating: 0, count: queries.width)
            for head in 0..<heads(operation) {
                let (own, shared) = (head * dimension, head / group * dimension)
                let scores = entries.map { entry in
                    (0..<dimension).reduce(Float(0)) { sum, column in
                        sum + query[query.startIndex + own + column]
                            * entry.keys[entry.keys.startIndex + shared + column]
                    } * scale
                }
                // Subtracting the largest score keeps the exponentials finite and changes no ratio.
                let largest = scores.max() ?? 0
                let exponentials = scores.map { exp($0 - largest) }
                let total = exponentials.reduce(0, +)
                for (entry, exponential) in zip(entries, exponentials) {
                    for column in 0..<dimension {
                        output[own + column] +=
                            exponential / total * entry.values[entry.values.startIndex + shared + column]
                    }
                }
            }
            return output
        }
    }

    mutating func normRopeWrite(_ operation: Operation, _ iteration: Int) throws -> Matrix {
        let product = try matrix(operation, 0)
        let positions = try indices(operation, 2)
        let keyWidth = try cache(operation).type.width
        let width = product.width - 2 * keyWidth
        let eps = operation.float("eps") ?? 0
        let queries = try product.columns(0..<width).normalized(weight(operation, 0).floats, eps: eps)
        let keys = try product.columns(width..<width + keyWidth).normalized(weight(operation, 1).floats, eps: eps)
        let frequencies = try weight(operation, 2)
        try write(
            keys: rope(keys, positions, frequencies, operation, heads(operation) * keyWidth / width),
            values: product.columns(width + keyWidth..<product.width), slots: indices(operation, 1),
            positions: positions, depths: depths(operation, 3), operation, iteration)
        return try rope(queries, positions, frequencies, operation, heads(operation))
    }

    mutating func projectRopeWrite(_ operation: Operation, _ iteration: Int) throws -> Matrix {
        let product = try matrix(operation, 0).times(weight(operation, 0))
        let (slots, positions) = (try indices(operation, 1), try indices(operation, 2))
        let depths = try depths(operation, 3)
        let keyWidth = try cache(operation).type.width
        let width = product.width - 2 * keyWidth
        let keyHeads = heads(operation) * keyWidth / width
        var (queries, keys) = (product.columns(0..<width), product.columns(width..<width + keyWidth))
        if operation.symbols.count > 3 {
            let bias = try weight(operation, 3).floats
            queries = queries.plusEachRow(Array(bias[..<width]))
            keys = keys.plusEachRow(Array(bias[width...]))
        }
        let frequencies = try weight(operation, 1)
        try write(
            keys: rope(keys, positions, frequencies, operation, keyHeads),
            values: product.columns(width + keyWidth..<product.width), slots: slots, positions: positions,
            depths: depths, operation, iteration)
        return try rope(queries, positions, frequencies, operation, heads(operation))
    }
}
