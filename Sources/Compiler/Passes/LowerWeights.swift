import IR

/// Gives every matrix its storage format. A bf16 matrix reads bf16 rows, so conversions of its input are inserted; the
/// embedding shares the head's matrix when they are tied, and is read from that format.
public struct LowerWeights: Pass {
    public let name = "lower-weights"
    public let summary = "gives matrices their storage format and converts what they read: half the bytes a pass in bf16"
    public var element: ElementType

    /// - Parameter element: `f32`, which changes nothing, or `bf16`.
    public init(_ element: ElementType) { self.element = element }

    public func run(_ module: Module) throws -> Module {
        if element == .f32 { return module }
        var module = module
        var lowered: Set<String> = []
        for index in module.functions.indices {
            var names = FreshNames(for: module.functions[index])
            module.functions[index].rewriteBlocks { operations, _ in
                var converted: [String: Value] = [:]
                return operations.flatMap { operation -> [Operation] in
                    guard operation.opcode.readsMatrix, let input = operation.operands.first else {
                        if operation.opcode == .embed { lowered.formUnion(operation.symbols) }
                        return [operation]
                    }
                    lowered.insert(operation.symbols[0])
                    if input.type.element == element { return [operation] }
                    var result: [Operation] = []
                    let operand: Value
                    if let earlier = converted[input.name] {
                        operand = earlier
                    } else {
                        operand = Value(
                            names.next("\(input.name).\(element.rawValue)"), TensorType(element, input.type.shape))
                        converted[input.name] = operand
                        result.append(Operation(.convert, [input], results: [operand]))
                    }
                    var lowered = operation
                    lowered.operands[0] = operand
                    return result + [lowered]
                }
            }
        }
        for index in module.weights.indices where lowered.contains(module.weights[index].name) {
            module.weights[index].type.element = element
        }
        return module
    }
}

extension Opcode {
    /// Whether the first symbol is a matrix applied to the first operand.
    var readsMatrix: Bool {
        switch self {
        case .linear, .projectRopeWrite, .linearSiluGate, .linearArgmax: true
        default: false
        }
    }
}
