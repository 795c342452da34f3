import IR
import NumberFormats
import Plans

/// A simulator that runs a tape on bytes. Each instruction reads its buffers from an arena and writes its results
/// there, and the interpreter computes the operation. A fault of memory planning therefore shows as wrong results.
struct TapeSimulator {
    private let module: Module
    private let function: ScheduledFunction
    private let weights: [String: Tensor]
    private let types: [String: TensorType]

    /// - Parameters:
    ///   - lowered: the module that was scheduled.
    ///   - name: the function's name in the module, which differs from the schedule's for unrolled copies.
    init(_ schedule: Schedule, of lowered: Module, function name: String, index: Int, weights: [String: Tensor]) {
        module = Module(weights: lowered.weights, caches: lowered.caches)
        function = schedule.functions[index]
        self.weights = weights
        var types: [String: TensorType] = [:]
        if let source = lowered.function(name) {
            for parameter in source.parameters { types[parameter.name] = parameter.type }
            source.forEachOperation { operation, _ in
                for result in operation.results { types[result.name] = result.type }
            }
        }
        self.types = types
    }

    func run(_ arguments: [Tensor], recurrences: Int, caches: inout CacheState) throws -> [Tensor] {
        let rows = arguments[0].shape[0]
        let trace = TapeTrace(function, recurrences: recurrences)
        // There is one function for each instruction and iteration, so that the module is verified only once.
        var steps = module
        for (time, step) in trace.steps.enumerated() {
            if let operation = operation(step) {
                steps.functions.append(
                    Function(
                        "step\(time)", parameters: unique(operation.operands), operations: [operation],
                        results: operation.results.map { NamedResult($0.name, $0) }))
            }
        }
        let interpreter = try Interpreter(module: steps, weights: weights)

        // The initial bytes are NaN or meaningless, so that reading before writing shows.
        var arena = [UInt8](repeating: 0xFF, count: rows * function.arenaBytesPerRow)
        var results = [Int: [UInt8]]()
        // Quantized rows have no bytes here that would give the same bits again. A number in all of their memory
        // represents them; writing anything else to a part of it makes the lookup fail.
        var quantized = [[UInt8]: Tensor]()
        func load(_ number: Int) -> Tensor {
            let buffer = function.buffers[number]
            let shape = type(buffer).shape.map { extent in if case .fixed(let n) = extent { n } else { rows } }
            let elements: [UInt8]
            switch buffer.storage {
            case .parameter(let index): return arguments[index]
            case .result(let index): elements = results[index] ?? []
            case .arena(let offset): elements = Array(arena[(offset * rows)...].prefix(byteCount(buffer, rows)))
            }
            if buffer.element == .q8 {
                return quantized[elements] ?? Tensor([Float](repeating: .nan, count: rows * buffer.width), shape: shape)
            }
            let words = elements.words(of: buffer.element == .bf16 ? 2 : 4)
            return switch buffer.element {
            case .i32: Tensor(words.map(Int32.init(bitPattern:)), shape: shape)
            case .f32: Tensor(words.map(Float.init(bitPattern:)), shape: shape)
            default: Tensor(words.map { Float(bitPattern: $0 << 16) }, shape: shape, element: .bf16)
            }
        }
        func store(_ tensor: Tensor, _ number: Int) {
            let buffer = function.buffers[number]
            if buffer.element == .q8, case .arena(let offset) = buffer.storage {
                let mark = UInt32(quantized.count)
                let bytes = [UInt32](repeating: mark, count: byteCount(buffer, rows) / 4).bytes(of: 4)
                quantized[bytes] = tensor
                return arena.replaceSubrange(offset * rows..<offset * rows + bytes.count, with: bytes)
            }
            let words = tensor.bits.map { buffer.element == .bf16 ? $0 >> 16 : $0 }
            let bytes = words.bytes(of: buffer.element == .bf16 ? 2 : 4)
            switch buffer.storage {
            case .parameter: break
            case .result(let index): results[index] = bytes
            case .arena(let offset): arena.replaceSubrange(offset * rows..<offset * rows + bytes.count, with: bytes)
            }
        }

        for (time, step) in trace.steps.enumerated() {
            let (inputs, outputs) = (step.instruction.inputs, step.instruction.outputs)
            switch step.instruction.opcode {
            case .repeat: break
            case .copy: store(load(inputs[0]), outputs[0])
            case .operation:
                let values = try interpreter.run(
                    "step\(time)", arguments: unique(inputs).map(load), advance: max(1, recurrences), caches: &caches)
                for (value, output) in zip(values, outputs) { store(value, output) }
            }
        }
        return function.results.indices.map { result in
            load(function.buffers.firstIndex { $0.storage == .result(result) } ?? 0)
        }
    }

    /// The IR operation of an instruction, over values named after the buffers; nil for copies and loops.
    private func operation(_ step: TapeTrace.Step) -> Operation? {
        let instruction = step.instruction
        guard let opcode = instruction.opcode.operation, let signature = opcode.traits.signature else { return nil }
        var weights = instruction.weights.map { module.weights[$0].name }[...]
        var integers = instruction.integers[...]
        var attributes: [String: Attribute] = [:]
        for (name, kind) in signature.attributes {
            attributes[name] =
                switch kind {
                case .integer: .integer(integers.removeFirst())
                case .float: .float(instruction.float)
                case .recurrence:
                    .recurrence(
                        .number(
                            instruction.recurrence == Instruction.induction ? step.iteration : instruction.recurrence))
                }
        }
        return Operation(
            opcode, instruction.inputs.map { Value("in\($0)", type(function.buffers[$0])) },
            // A weight that may be left out is the last.
            symbols: signature.symbols.compactMap { symbol in
                symbol.kind == .weight ? weights.popFirst() : module.caches[instruction.cache ?? 0].name
            },
            attributes: attributes, results: instruction.outputs.map { Value("out\($0)", type(function.buffers[$0])) })
    }

    private func type(_ buffer: ScheduledBuffer) -> TensorType {
        if let type = types[buffer.name] { return type }
        // The copies that scheduling adds have their own names. Only copies use them.
        return buffer.element == .i32 ? .rows(.i32) : .rows(buffer.element, buffer.width)
    }

    private func byteCount(_ buffer: ScheduledBuffer, _ rows: Int) -> Int {
        // Quantized rows are stored separately, under a mark that fills their whole place in the arena.
        rows
            * (buffer.element == .q8 ? buffer.bytesPerRow : buffer.element.rows?.contentBytes(width: buffer.width) ?? 0)
    }

    private func unique<Element: Hashable>(_ elements: [Element]) -> [Element] {
        var seen: Set<Element> = []
        return elements.filter { seen.insert($0).inserted }
    }
}

extension [UInt8] {
    fileprivate func words(of size: Int) -> [UInt32] {
        stride(from: 0, to: count, by: size).map { start in
            self[start..<start + size].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
    }
}

extension [UInt32] {
    fileprivate func bytes(of size: Int) -> [UInt8] {
        flatMap { word in (0..<size).map { UInt8(truncatingIfNeeded: word >> (8 * UInt32($0))) } }
    }
}
