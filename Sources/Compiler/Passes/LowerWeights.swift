import IR
import NumberFormats
import Plans

/// Gives every f32 matrix its storage format. A matrix of one output, such as that of a gate, keeps f32: it has too few
/// bytes to matter. The format decides which rows the matrix is applied to
/// (``WeightLayout/input``), so the pass inserts conversions of its input: one for each element type that a value is read
/// in. If the embedding and the head share a matrix, the embedding is read from that format too.
public struct LowerWeights: ParameterizedPass {
    public let name = "lower-weights"
    public let summary =
        "gives matrices their storage format and converts what they read: fewer bytes a pass than in f32"
    public let follows = [
        Predecessor(
            "split-adapter", "the conversion that it puts before a matrix hides the concatenation that is to be split")
    ]
    public var formats: MatrixFormats

    public init(_ formats: MatrixFormats) { self.formats = formats }

    /// - Parameter format: the format of all matrices; `f32` changes nothing.
    public init(_ format: ElementType) { formats = MatrixFormats(format) }

    public var necessity: String? {
        guard formats.standard != .f32 || formats.rules.contains(where: { $0.format != .f32 }) else { return nil }
        return "without it all matrices stay f32, and other formats were asked for"
    }

    /// - Throws: ``CompilerError`` for a rule that is for no matrix of the module.
    public func run(_ module: Module) throws -> Module {
        let elements = try lowered(module)
        var module = module
        for index in module.weights.indices {
            if let element = elements[module.weights[index].name] { module.weights[index].type.element = element }
        }
        for index in module.functions.indices {
            var names = FreshNames(for: module.functions[index])
            module.functions[index].rewriteBlocks { operations, _ in
                var converted: [Value: Value] = [:]
                return operations.flatMap { operation -> [Operation] in
                    guard operation.opcode.traits.readsMatrix, let input = operation.operands.first,
                        let element = operation.symbols.first.flatMap({ elements[$0] })?.weights?.input,
                        input.type.element != element
                    else { return [operation] }
                    // The converted value under the name of the original is the key of the pair.
                    let key = Value(input.name, input.type.with(element))
                    var lowered = operation
                    if let earlier = converted[key] {
                        lowered.operands[0] = earlier
                        return [lowered]
                    }
                    let operand = Value(names.next("\(input.name).\(element)"), key.type)
                    converted[key] = operand
                    lowered.operands[0] = operand
                    return [Operation(.convert, [input], results: [operand]), lowered]
                }
            }
        }
        return module
    }

    /// The new element type of each f32 matrix that gets a different one.
    private func lowered(_ module: Module) throws -> [String: ElementType] {
        var matrices: Set<String> = []
        for function in module.functions {
            function.forEachOperation { operation, _ in
                if operation.opcode.traits.matrix != nil { matrices.formUnion(operation.symbols) }
            }
        }
        let weights = module.weights.filter {
            matrices.contains($0.name) && $0.type.shape.count == 2 && $0.type.shape.first != .fixed(1)
        }
        if let unused = formats.rules.first(where: { !weights.contains(where: $0.covers) }) {
            throw CompilerError(
                "No matrix of the model has a name like \(unused.pattern). Its matrices are "
                    + "\(weights.map(\.name).joined(separator: ", ")).")
        }
        let changes = weights.compactMap { weight -> (String, ElementType)? in
            let element = formats.format(of: weight)
            return weight.type.element == .f32 && element != .f32 ? (weight.name, element) : nil
        }
        return Dictionary(changes) { first, _ in first }
    }
}

// MARK: Spelling

extension LowerWeights {
    public static let parameterForm = "FORMAT[+PATTERN:FORMAT...]"

    /// `bf16` is the format of all matrices, and `PATTERN:int8` that of matrices whose names match. The first pattern that
    /// matches counts.
    public init(parameters: [Substring]) throws {
        var standard: ElementType?
        var rules: [WeightRule] = []
        for parameter in parameters {
            let parts = parameter.split(separator: ":", omittingEmptySubsequences: false)
            guard let word = parts.last, let format = ElementType.weightFormats.first(where: { $0.name == word })
            else {
                throw CompilerError(
                    "lower-weights has the parameter '\(parameter)'; it takes a format "
                        + "(\(ElementType.weightFormats.map(\.name).joined(separator: ", "))) or PATTERN:FORMAT.")
            }
            if parts.count == 2, !parts[0].isEmpty {
                rules.append(WeightRule(pattern: String(parts[0]), format: format))
            } else if parts.count == 1, standard == nil {
                standard = format
            } else {
                throw CompilerError(
                    "lower-weights has the parameter '\(parameter)'; it takes one format for all matrices, and "
                        + "PATTERN:FORMAT for those whose names match.")
            }
        }
        self.init(MatrixFormats(standard ?? .f32, rules: rules))
    }
}
