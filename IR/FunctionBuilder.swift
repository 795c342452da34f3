import Failures
import NumberFormats

/// The error of a function that cannot be built.
public typealias BuilderError = Failure<FunctionBuilder>

/// Builds a function operation by operation. Every method appends one operation and returns its results, whose types
/// follow from its operands and whose names are new.
///
///     var b = FunctionBuilder(name: "head", module: module)
///     let x = b.parameter("x", .rows(.f32, 288))
///     b.return([b.argmax(b.linear(x, "lm_head.weight"))])
///     module.functions.append(try b.finish())
///
/// Building continues after a mistake: ``finish()`` throws the first one. Until then, the results of an operation that
/// does not fit have the type of its first operand.
public struct FunctionBuilder {
    /// The function's name, without `@`.
    public let name: String
    /// The weights and caches that operations may name. More may be declared during building.
    public var module: Module
    private var parameters: [Value] = []
    private var operations: [Operation] = []
    private var results: [NamedResult]?
    private var names = FreshNames()
    private var firstError: BuilderError?

    public init(name: String, module: Module) {
        self.name = name
        self.module = module
    }

    // MARK: The frame

    /// Declares the next parameter. It is called `name`, or `name.1`, … if another value has that name.
    public mutating func parameter(_ name: String, _ type: TensorType) -> Value {
        let value = Value(names.next(name), type)
        parameters.append(value)
        return value
    }

    /// Sets the function's results and the names by which callers know them. Call it once.
    public mutating func `return`(_ results: KeyValuePairs<String, Value>) {
        set(results.map { NamedResult($0.key, $0.value) })
    }

    /// Sets the values that the function returns under their own names. Call it once.
    public mutating func `return`(_ values: [Value]) { set(values.map { NamedResult($0.name, $0) }) }

    /// Sets the value that the function returns under its own name. Call it once.
    public mutating func `return`(_ values: Value...) { self.return(values) }

    /// Sets the function's results. Call it once.
    public mutating func `return`(_ results: [NamedResult]) { set(results) }

    private mutating func set(_ results: [NamedResult]) {
        if self.results != nil { record("returns a second time") }
        self.results = results
    }

    /// Declares a weight where it is used, and returns its name. A weight that several operations or functions use is
    /// declared by each of them, in the same way.
    /// - Parameters:
    ///   - extents: those of a matrix `[N,K]`, or the length of a vector.
    ///   - source: nil for the tensor of the weight's own name and shape.
    public mutating func weight(_ name: String, _ extents: Int..., source: WeightSource? = nil) -> String {
        let weight = Weight(name, TensorType(.f32, extents.map(Extent.fixed)), source: source)
        if let known = module.weight(name) {
            if known != weight { record("declares @\(name) a second time, as something else") }
        } else {
            module.weights.append(weight)
        }
        return name
    }

    /// Declares the cache of an attention block where it is used, and returns its name.
    public mutating func cache(_ name: String, heads: Int, dimension: Int, isRecurrent: Bool) -> String {
        let cache = Cache(name, .fixed(.f32, heads, dimension), isRecurrent: isRecurrent)
        if let known = module.cache(name) {
            if known != cache { record("declares @\(name) a second time, as something else") }
        } else {
            module.caches.append(cache)
        }
        return name
    }

    /// The finished function, verified against the module.
    /// - Throws: ``BuilderError`` for the first mistake made during building, ``VerificationError`` for any other.
    public func finish() throws -> Function {
        if let firstError { throw firstError }
        guard let results else {
            throw BuilderError("function @\(name) returns nothing; call `return` before `finish`")
        }
        let function = Function(name, parameters: parameters, operations: operations, results: results)
        try verify(function, in: module)
        return function
    }

    private mutating func record(_ problem: String) {
        if firstError == nil { firstError = BuilderError("function @\(name), \(problem)") }
    }

    // MARK: Any operation

    /// Appends an operation.
    /// - Parameters:
    ///   - element: the element type of the results, if the opcode allows several (``OpcodeTraits/storableElements``).
    ///   - hints: names for the results; a number is added to a name that is taken.
    @discardableResult
    public mutating func append(
        _ opcode: Opcode, _ operands: [Value], symbols: [String] = [], attributes: [String: Attribute] = [:],
        element: ElementType? = nil, named hints: [String?] = []
    ) -> [Value] {
        var operation = Operation(opcode, operands, symbols: symbols, attributes: attributes)
        var types: [TensorType]
        do {
            types = try operation.inferResultTypes(in: module)
            if let element, !opcode.traits.storableElements.isEmpty { types = types.map { $0.with(element) } }
        } catch {
            record("operation \(operations.count) `\(operation.firstLine)`: \(error)")
            let guess = operands.first?.type ?? .rows(.f32, 1)
            types = [TensorType](repeating: guess, count: opcode.traits.signature?.results.count ?? 0)
        }
        operation.results = types.enumerated().map { index, type in
            Value(names.next(index < hints.count ? hints[index] : nil), type)
        }
        operations.append(operation)
        return operation.results
    }

    private mutating func one(
        _ opcode: Opcode, _ operands: [Value], _ symbols: [String] = [], _ attributes: [String: Attribute] = [:],
        as element: ElementType? = nil, named hint: String?
    ) -> Value {
        append(opcode, operands, symbols: symbols, attributes: attributes, element: element, named: [hint])[0]
    }

    // MARK: Operations

    /// Appends `embed`: rows of the matrix `weight`, chosen by `tokens` (`i32[rows]`) and multiplied by `scale`.
    public mutating func embed(_ tokens: Value, _ weight: String, scale: Float, named hint: String? = nil) -> Value {
        one(.embed, [tokens], [weight], ["scale": .float(scale)], named: hint)
    }

    /// Appends `linear`: the product of `x` (`element[rows,K]`) with the matrix `weight` (`[N,K]`), as `f32[rows,N]`.
    public mutating func linear(_ x: Value, _ weight: String, named hint: String? = nil) -> Value {
        one(.linear, [x], [weight], named: hint)
    }

    /// Appends `slice`: the columns `from ..< to` of `x`.
    public mutating func slice(
        _ x: Value, _ columns: Range<Int>, as element: ElementType = .f32, named hint: String? = nil
    ) -> Value {
        let bounds: [String: Attribute] = ["from": .integer(columns.lowerBound), "to": .integer(columns.upperBound)]
        return one(.slice, [x], [], bounds, as: element, named: hint)
    }

    /// Appends `concat`: the columns of `a`, then those of `b`.
    public mutating func concat(_ a: Value, _ b: Value, named hint: String? = nil) -> Value {
        one(.concat, [a, b], named: hint)
    }

    /// Appends `bias`: `x` plus the vector `weight`, which has one number per column of a row.
    public mutating func bias(
        _ x: Value, _ weight: String, as element: ElementType = .f32, named hint: String? = nil
    ) -> Value {
        one(.bias, [x], [weight], as: element, named: hint)
    }

    /// Appends `rope`: the rotary embedding of `x`, whose columns are divided into `heads`.
    /// - Parameters:
    ///   - frequencies: the name of a weight with a number for each pair of a head's columns.
    ///   - magnitude: the factor of the result.
    public mutating func rope(
        _ x: Value, _ position: Value, _ frequencies: String, heads: Int, magnitude: Float = 1,
        named hint: String? = nil
    ) -> Value {
        one(
            .rope, [x, position], [frequencies], ["heads": .integer(heads), "magnitude": .float(magnitude)], named: hint
        )
    }

    /// Appends `cache_write`: stores keys and values at each row's slot and position. It has no result.
    public mutating func cacheWrite(
        _ keys: Value, _ values: Value, slot: Value, position: Value, depth: Value, _ cache: String,
        recurrence: Recurrence
    ) {
        append(
            .cacheWrite, [keys, values, slot, position, depth], symbols: [cache],
            attributes: ["recurrence": .recurrence(recurrence)])
    }

    /// Appends `wavefront_attention`: causal attention of each row over the cached positions of its slot.
    public mutating func wavefrontAttention(
        _ queries: Value, slot: Value, position: Value, depth: Value, _ cache: String, heads: Int,
        recurrence: Recurrence, as element: ElementType = .f32, named hint: String? = nil
    ) -> Value {
        one(
            .wavefrontAttention, [queries, slot, position, depth], [cache],
            ["heads": .integer(heads), "recurrence": .recurrence(recurrence)], as: element, named: hint)
    }

    /// Appends `norm`: RMSNorm of every row, multiplied by the vector `weight`.
    public mutating func norm(
        _ x: Value, _ weight: String, eps: Float, as element: ElementType = .f32, named hint: String? = nil
    ) -> Value {
        one(.norm, [x], [weight], ["eps": .float(eps)], as: element, named: hint)
    }

    /// Appends `add`: the sum of two values of equal shape.
    public mutating func add(
        _ a: Value, _ b: Value, as element: ElementType = .f32, named hint: String? = nil
    ) -> Value {
        one(.add, [a, b], as: element, named: hint)
    }

    /// Appends `silu`: x / (1 + e^−x) of every element.
    public mutating func silu(_ x: Value, as element: ElementType = .f32, named hint: String? = nil) -> Value {
        one(.silu, [x], as: element, named: hint)
    }

    /// Appends `sigmoid`: 1 / (1 + e^−x) of every element.
    public mutating func sigmoid(_ x: Value, as element: ElementType = .f32, named hint: String? = nil) -> Value {
        one(.sigmoid, [x], as: element, named: hint)
    }

    /// Appends `multiply`: the elementwise product of two values of equal shape.
    public mutating func multiply(
        _ a: Value, _ b: Value, as element: ElementType = .f32, named hint: String? = nil
    ) -> Value {
        one(.multiply, [a, b], as: element, named: hint)
    }

    /// Appends `mix`: the sum of two values, each row of which is first multiplied by its coefficient (`f32[rows]`).
    public mutating func mix(
        _ a: Value, _ b: Value, _ p: Value, _ q: Value, as element: ElementType = .f32, named hint: String? = nil
    ) -> Value {
        one(.mix, [a, b, p, q], as: element, named: hint)
    }

    /// Appends `start`: the row of `fresh` where the row's depth is 0, and of `state` elsewhere.
    public mutating func start(
        _ fresh: Value, _ state: Value, depth: Value, as element: ElementType = .f32, named hint: String? = nil
    ) -> Value {
        one(.start, [fresh, state, depth], as: element, named: hint)
    }

    /// Appends `argmax`: the column of each row's largest element, as `i32[rows]`.
    public mutating func argmax(_ x: Value, named hint: String? = nil) -> Value { one(.argmax, [x], named: hint) }

    /// Appends `relative_difference`: ‖a − b‖ / ‖a‖ of every row, as `f32[rows]`.
    public mutating func relativeDifference(_ a: Value, _ b: Value, named hint: String? = nil) -> Value {
        one(.relativeDifference, [a, b], named: hint)
    }

    /// Appends `convert`: `x` rounded to another element type.
    public mutating func convert(_ x: Value, to element: ElementType = .bf16, named hint: String? = nil) -> Value {
        one(.convert, [x], as: element, named: hint)
    }

    // MARK: Loops

    /// Appends a loop.
    /// - Parameters:
    ///   - initial: the values of the carried values before the first iteration.
    ///   - hints: names for the loop's results and, with `.in` behind them, for the carried values in the body.
    ///   - body: appends the operations of one iteration to the builder that it is given, and returns the carried
    ///     values for the next iteration.
    /// - Returns: the carried values after the last iteration.
    public mutating func `repeat`(
        count: TripCount, carrying initial: [Value], named hints: [String?] = [],
        _ body: (inout FunctionBuilder, [Value]) throws -> [Value]
    ) rethrows -> [Value] {
        let outer = operations
        operations = []
        let parameters = initial.enumerated().map { index, value in
            let hint = index < hints.count ? hints[index] : nil
            return Value(names.next(hint.map { $0 + ".in" }), value.type)
        }
        let yields = try body(&self, parameters)
        let loop = LoopBody(count: count, parameters: parameters, operations: operations, yields: yields)
        operations = outer
        var operation = Operation(.repeat, initial, body: loop)
        do {
            _ = try operation.inferResultTypes(in: module)
        } catch {
            record("operation \(operations.count) `\(operation.firstLine)`: \(error)")
        }
        operation.results = initial.enumerated().map { index, value in
            Value(names.next(index < hints.count ? hints[index] : nil), value.type)
        }
        operations.append(operation)
        return operation.results
    }
}
