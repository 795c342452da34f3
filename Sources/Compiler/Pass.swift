import IR

/// A named, pure rewriting of a module. What its functions compute stays the same; `Tests/CompilerTests` checks every
/// pass under the interpreter.
public protocol Pass: Sendable {
    /// As `--passes`, `--print-after` and `--stage` know it.
    var name: String { get }
    /// What the pass does and what that buys, in a sentence.
    var summary: String { get }
    /// The passes that have to run before this one wherever both run. None by default.
    var follows: [Predecessor] { get }
    /// Why a model cannot be compiled without the pass, with the parameters that it has; nil, the default, where the pass
    /// may be left out. An optional pass only makes plans smaller or faster.
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
    /// What the other way round would lose: a clause that can stand behind a colon.
    public var reason: String

    public init(_ pass: String, _ reason: String) {
        self.pass = pass
        self.reason = reason
    }
}

/// A pass that is spelled with parameters where no model says them: `NAME=PARAMETER+PARAMETER`.
public protocol ParameterizedPass: Pass {
    /// What stands behind the `=`, for help texts.
    static var parameterForm: String { get }
    /// - Parameter parameters: what stands between the `+` signs, at least one.
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

/// A failure to compile, in a sentence.
public struct CompilerError: Error, CustomStringConvertible, Hashable {
    public var description: String
    public init(_ description: String) { self.description = description }
}
