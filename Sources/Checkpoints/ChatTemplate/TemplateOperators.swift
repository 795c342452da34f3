import Foundation

/// Arithmetic and comparison with Python's meaning. Integers have 64 bits; an overflow is an error.
enum TemplateOperators {
    // MARK: Arithmetic

    static func negate(_ value: RenderValue) throws -> RenderValue {
        switch value {
        case .float(let number): return .float(-number)
        case .integer(let number): return .integer(try exact(0.subtractingReportingOverflow(number)))
        case .boolean(let flag): return .integer(flag ? -1 : 0)
        default: throw mismatch("-", value)
        }
    }

    static func positive(_ value: RenderValue) throws -> RenderValue {
        switch value {
        case .float, .integer: return value
        case .boolean(let flag): return .integer(flag ? 1 : 0)
        default: throw mismatch("+", value)
        }
    }

    static func arithmetic(
        _ operation: TemplateExpression.Arithmetic, _ left: RenderValue, _ right: RenderValue,
        evaluator: TemplateEvaluator
    ) throws -> RenderValue {
        if let a = left.wholeNumber, let b = right.wholeNumber { return try integers(operation, a, b) }
        if let a = left.number, let b = right.number { return .float(try floats(operation, a, b)) }
        switch (operation, left, right) {
        case (_, .markup, _), (_, _, .markup): return try markup(operation, left, right, evaluator)
        case (.add, .string(let a), .string(let b)):
            try evaluator.budget.make(bytes: a.utf8.count + b.utf8.count)
            return .string(a + b)
        case (.add, .sequence(let kind, let a), .sequence(let other, let b))
        where kind.type == other.type && kind.isGrowing:
            return .sequence(
                kind.grown, try RenderItems(a.elements + b.elements, budget: evaluator.budget))
        case (.multiply, _, _):
            if let count = right.wholeNumber { return try repeated(left, count, evaluator) }
            if let count = left.wholeNumber { return try repeated(right, count, evaluator) }
        case (.remainder, .string(let format), _):
            return try PercentFormat.text(format, right, evaluator)
        default: break
        }
        throw mismatch(operation.rawValue, left, right)
    }

    /// Arithmetic with escaped text: ordinary text that is added to it, or formatted by it, is escaped.
    private static func markup(
        _ operation: TemplateExpression.Arithmetic, _ left: RenderValue, _ right: RenderValue,
        _ evaluator: TemplateEvaluator
    ) throws -> RenderValue {
        func escaped(_ value: RenderValue) -> RenderValue {
            if case .string(let text) = value { .string(HTMLText.escaped(text)) } else { value.withoutMarkup }
        }
        let operands: (RenderValue, RenderValue)
        switch (operation, left, right) {
        case (.add, _, _): operands = (escaped(left), escaped(right))
        case (.remainder, .markup(let format), .sequence(let kind, let items)) where kind.type == .tuple:
            operands = (.string(format), try evaluator.tuple(items.elements.map(escaped)))
        case (.remainder, .markup(let format), _): operands = (.string(format), escaped(right))
        default:
            return try arithmetic(operation, left.withoutMarkup, right.withoutMarkup, evaluator: evaluator)
        }
        let result = try arithmetic(operation, operands.0, operands.1, evaluator: evaluator)
        if case .string(let text) = result { return .markup(text) }
        return result
    }

    private static func integers(_ operation: TemplateExpression.Arithmetic, _ a: Int, _ b: Int) throws -> RenderValue {
        switch operation {
        case .add: return .integer(try exact(a.addingReportingOverflow(b)))
        case .subtract: return .integer(try exact(a.subtractingReportingOverflow(b)))
        case .multiply: return .integer(try exact(a.multipliedReportingOverflow(by: b)))
        case .divide:
            try checkDivisor(b == 0)
            return .float(Double(a) / Double(b))
        case .floorDivide, .remainder:
            try checkDivisor(b == 0)
            let quotient = try exact(a.dividedReportingOverflow(by: b))
            let remainder = try exact(a.remainderReportingOverflow(dividingBy: b))
            // Python rounds down, not towards zero.
            let isBelow = remainder != 0 && (remainder < 0) != (b < 0)
            if operation == .remainder { return .integer(isBelow ? remainder + b : remainder) }
            return .integer(isBelow ? quotient - 1 : quotient)
        case .power:
            guard b >= 0 else {
                try checkDivisor(a == 0)
                return .float(pow(Double(a), Double(b)))
            }
            if a == 0 || a == 1 { return .integer(b == 0 ? 1 : a) }
            if a == -1 { return .integer(b % 2 == 0 ? 1 : -1) }
            var result = 1
            // Any other base leaves 64 bits after 63 factors at the latest.
            for _ in 0..<min(b, 64) { result = try exact(result.multipliedReportingOverflow(by: a)) }
            return .integer(result)
        }
    }

    private static func floats(_ operation: TemplateExpression.Arithmetic, _ a: Double, _ b: Double) throws -> Double {
        switch operation {
        case .add: return a + b
        case .subtract: return a - b
        case .multiply: return a * b
        case .divide:
            try checkDivisor(b == 0)
            return a / b
        case .floorDivide:
            try checkDivisor(b == 0)
            return ((a - remainder(a, b)) / b).rounded()
        case .remainder:
            try checkDivisor(b == 0)
            return remainder(a, b)
        case .power:
            let result = pow(a, b)
            guard !result.isNaN || a.isNaN || b.isNaN else {
                throw TemplateFault("a negative number has no power with a fraction")
            }
            return result
        }
    }

    /// Python's `%`: with the divisor's sign.
    private static func remainder(_ a: Double, _ b: Double) -> Double {
        let rest = fmod(a, b)
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest
    }

    private static func repeated(_ value: RenderValue, _ count: Int, _ evaluator: TemplateEvaluator) throws
        -> RenderValue
    {
        let count = max(0, count)
        func check(_ size: Int) throws {
            let total = size.multipliedReportingOverflow(by: count)
            try evaluator.budget.make(bytes: total.overflow ? Int.max : total.partialValue)
        }
        switch value {
        case .string(let text):
            try check(text.utf8.count)
            return .string(PythonText.repeated(text, count))
        case .sequence(let kind, let items) where kind.isGrowing:
            guard !items.elements.isEmpty else { return value }
            try check(items.elements.count * MemoryLayout<RenderValue>.stride)
            let elements = (0..<count).flatMap { _ in items.elements }
            return .sequence(kind.grown, try RenderItems(elements, budget: evaluator.budget))
        default: throw mismatch("*", value)
        }
    }

    private static func exact(_ result: (partialValue: Int, overflow: Bool)) throws -> Int {
        guard !result.overflow else { throw TemplateFault("a number does not fit in 64 bits") }
        return result.partialValue
    }

    private static func checkDivisor(_ isZero: Bool) throws {
        if isZero { throw TemplateFault("a number is divided by zero") }
    }

    private static func mismatch(_ symbol: String, _ values: RenderValue...) -> TemplateFault {
        for case .undefined(let reason) in values { return TemplateFault("\(reason), and '\(symbol)' needs a value") }
        let types = values.map(\.typeName).joined(separator: " and ")
        return TemplateFault("'\(symbol)' cannot be applied to \(types)")
    }

    // MARK: Comparison

    static func compare(
        _ operation: TemplateExpression.Comparison, _ left: RenderValue, _ right: RenderValue,
        evaluator: TemplateEvaluator
    ) throws -> Bool {
        let (left, right) = (left.withoutMarkup, right.withoutMarkup)
        switch operation {
        case .equal, .notEqual:
            try evaluator.budget.visit(min(left.weight, right.weight))
            return (left == right) == (operation == .equal)
        case .less: return try isLess(left, right, evaluator)
        case .greater: return try isLess(right, left, evaluator, symbol: ">")
        case .lessOrEqual: return try isLess(left, right, evaluator, symbol: "<=", orEqual: true)
        case .greaterOrEqual: return try isLess(right, left, evaluator, symbol: ">=", orEqual: true)
        case .isIn: return try isIn(left, right, evaluator)
        case .isNotIn: return try !isIn(left, right, evaluator)
        }
    }

    /// Whether `left` comes before `right`: numbers by value, texts by code points, lists element by element.
    static func isLess(
        _ left: RenderValue, _ right: RenderValue, _ evaluator: TemplateEvaluator, symbol: String = "<",
        orEqual: Bool = false
    ) throws -> Bool {
        try evaluator.budget.visit()
        if let a = left.wholeNumber, let b = right.wholeNumber { return orEqual ? a <= b : a < b }
        if let a = left.number, let b = right.number { return orEqual ? a <= b : a < b }
        switch (left.withoutMarkup, right.withoutMarkup) {
        case (.string(let a), .string(let b)):
            try evaluator.budget.visit(min(left.weight, right.weight))
            // The order of UTF-8 bytes is that of code points.
            let isBefore = a.utf8.lexicographicallyPrecedes(b.utf8)
            return isBefore || (orEqual && left == right)
        case (.sequence(let kind, let a), .sequence(let other, let b))
        where kind.type == other.type && kind.isGrowing:
            for (x, y) in zip(a.elements, b.elements) {
                try evaluator.budget.visit(min(x.weight, y.weight))
                if x != y { return try isLess(x, y, evaluator, symbol: symbol, orEqual: orEqual) }
            }
            return orEqual ? a.elements.count <= b.elements.count : a.elements.count < b.elements.count
        default:
            throw mismatch(symbol, left, right)
        }
    }

    static func isIn(_ needle: RenderValue, _ container: RenderValue, _ evaluator: TemplateEvaluator) throws -> Bool {
        switch (container, needle) {
        case (.string(let text), .string(let part)):
            try evaluator.budget.visit((text.utf8.count + part.utf8.count) / 8)
            return PythonText.contains(text, part)
        case (.string, _):
            throw TemplateFault("'in' looks for text in a string, not for \(needle.typeName)")
        case (.dictionary(let dictionary), _):
            guard needle.isHashable else { throw TemplateFault("\(needle.typeName) cannot be a dictionary's key") }
            try evaluator.budget.visit(needle.weight)
            return dictionary[needle] != nil
        default:
            let elements = try evaluator.elements(of: container)
            try evaluator.budget.visit(elements.count)
            return try elements.contains { element in
                try evaluator.budget.visit(min(needle.weight, element.weight))
                return element == needle
            }
        }
    }
}

extension RenderValue {
    /// An integer or, as in Python, a Boolean as an integer.
    var wholeNumber: Int? {
        switch self {
        case .boolean(let value): value ? 1 : 0
        case .integer(let value): value
        default: nil
        }
    }
}
