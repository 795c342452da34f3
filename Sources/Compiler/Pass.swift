import Failures
import IR

/// A named, pure rewriting of a module that keeps what its functions compute. `Tests/CompilerTests` checks every pass
/// under the interpreter.
public protocol Pass: Sendable {
    /// The name in `--passes`, `--print-after` and `--stage`.
    var name: String { get }
    /// The purpose of the pass and its benefit, in a sentence.
    var summary: String { get }
    /// The passes that have to run before this one if both run. Empty by default.
    var follows: [Predecessor] { get }
    /// The reason why a model cannot be compiled without the pass with its present parameters; nil, the default, if the
    /// pass may be left out. An optional pass only makes plans smaller or faster.
    var necessity: String? { get }
    func run(_ module: Module) throws -> Module
}

extension Pass {
    public var follows: [Predecessor] { [] }
    public var necessity: String? { nil }
}

/// A pass that another one has to run after.
public struct Predecessor: Hashable, Sendable, Codable {
    public var pass: String
    /// The loss in the opposite order: a clause that can stand after a colon.
    public var reason: String

    public init(_ pass: String, _ reason: String) {
        self.pass = pass
        self.reason = reason
    }
}

/// A pass that takes parameters on a command line: `NAME=PARAMETER+PARAMETER`.
public protocol ParameterizedPass: Pass {
    /// The form of the text after the `=`, for help texts.
    static var parameterForm: String { get }
    /// - Parameter parameters: the texts between the `+` signs, at least one.
    /// - Throws: ``CompilerError`` that says what is wrong with them.
    init(parameters: [Substring]) throws
}

/// A pass that rewrites each function by itself.
protocol FunctionPass: Pass {
    func rewrite(_ function: inout Function)
}

extension FunctionPass {
    public func run(_ module: Module) throws -> Module {
        var module = module
        for index in module.functions.indices { rewrite(&module.functions[index]) }
        return module
    }
}

/// A pass that replaces a cache write, and operations that lead to it, by one operation in the write's place.
protocol CacheWriteFusion: Pass {
    /// The operations to replace, and the one that replaces them; nil if those that lead to the write have another form.
    /// - Parameters:
    ///   - write: the index of the cache write in the block.
    ///   - module: the module before the pass.
    func match(
        _ write: Int, _ operations: [Operation], _ block: BlockIndex, _ module: Module
    ) -> (indices: [Int], fused: Operation)?
}

extension CacheWriteFusion {
    public func run(_ module: Module) throws -> Module {
        var result = module
        for function in module.functions.indices {
            result.functions[function].rewriteBlocks { operations, block in
                var edit = BlockEdit()
                for index in operations.indices where operations[index].opcode == .cacheWrite {
                    guard let match = match(index, operations, block, module) else { continue }
                    edit.replace(match.indices, at: index, with: match.fused)
                }
                return edit.applied(to: operations)
            }
        }
        return result
    }
}

extension Operation {
    /// The columns that a `slice` takes; nil for any other operation.
    var slicedColumns: Range<Int>? {
        guard opcode == .slice, let from = integer("from"), let to = integer("to"), from <= to else { return nil }
        return from..<to
    }
}

/// A module cannot be compiled.
public typealias CompilerError = Failure<Pipeline>
