import IR

/// A named, pure rewriting of a module. What its functions compute stays the same; `Tests/CompilerTests` checks every
/// pass under the interpreter.
public protocol Pass: Sendable {
    /// As `--print-after` and `--stage` know it.
    var name: String { get }
    /// What the pass does and what that buys, in a sentence.
    var summary: String { get }
    func run(_ module: Module) throws -> Module
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

/// A failure to compile, in a sentence.
public struct CompilerError: Error, CustomStringConvertible, Hashable {
    public var description: String
    public init(_ description: String) { self.description = description }
}
