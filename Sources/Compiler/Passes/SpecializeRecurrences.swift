import IR
import Plans

/// A function compiled for one number of recurrences, next to the one that takes any number.
public struct Specialization: Hashable, Sendable {
    /// The function that is copied.
    public var function: String
    /// The number of iterations of the copy's loops.
    public var recurrences: Int

    public init(_ function: String, recurrences: Int) {
        self.function = function
        self.recurrences = recurrences
    }

    /// The name of the copy, such as `decode.r32`.
    public var name: String { ScheduledFunction.label(function, unrolled: recurrences) }
}

/// The pass that copies functions with their number of recurrences fixed. Later passes can unroll the copies, and the
/// originals keep their loop for every other number.
public struct SpecializeRecurrences: ParameterizedPass {
    public let name = "specialize-recurrences"
    public let summary = "copies functions for a fixed number of recurrences, so that the copies can be unrolled"
    public var specializations: [Specialization]

    public init(_ specializations: [Specialization]) { self.specializations = specializations }

    public func run(_ module: Module) throws -> Module {
        var module = module
        for specialization in specializations {
            guard var copy = module.function(specialization.function) else {
                throw CompilerError(
                    "There is no function @\(specialization.function) to specialize for "
                        + "\(specialization.recurrences) recurrences.")
            }
            copy.name = specialization.name
            for index in copy.operations.indices where copy.operations[index].body?.count == .recurrences {
                copy.operations[index].body?.count = .number(specialization.recurrences)
            }
            module.functions.append(copy)
        }
        return module
    }
}

// MARK: Spelling

extension SpecializeRecurrences {
    public static let parameterForm = "FUNCTION:RECURRENCES[+FUNCTION:RECURRENCES...]"

    /// `decode:32`: a copy of @decode for 32 recurrences.
    public init(parameters: [Substring]) throws {
        self.init(
            try parameters.map { parameter in
                let parts = parameter.split(separator: ":", omittingEmptySubsequences: false)
                guard parts.count == 2, !parts[0].isEmpty, let recurrences = Int(parts[1]), recurrences >= 0 else {
                    throw CompilerError(
                        "specialize-recurrences has the parameter '\(parameter)'; it takes a function and a number of "
                            + "recurrences, as in decode:32.")
                }
                return Specialization(String(parts[0]), recurrences: recurrences)
            })
    }
}
