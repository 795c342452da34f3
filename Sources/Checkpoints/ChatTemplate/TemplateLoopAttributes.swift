/// The attributes of the variable `loop`.
enum TemplateLoopAttributes {
    static func attribute(_ name: String, of loop: RenderLoop) throws -> RenderValue? {
        let elements = loop.items.elements
        switch name {
        case "index": return .integer(loop.index + 1)
        case "index0": return .integer(loop.index)
        case "revindex": return .integer(elements.count - loop.index)
        case "revindex0": return .integer(elements.count - loop.index - 1)
        case "first": return .boolean(loop.index == 0)
        case "last": return .boolean(loop.index == elements.count - 1)
        case "length": return .integer(elements.count)
        case "depth": return .integer(loop.depth + 1)
        case "depth0": return .integer(loop.depth)
        case "previtem":
            return loop.index > 0 ? elements[loop.index - 1] : .undefined("there is no previous item")
        case "nextitem":
            return loop.index + 1 < elements.count ? elements[loop.index + 1] : .undefined("there is no next item")
        case "cycle":
            return .function(
                RenderFunction(name, depth: loop.items.depth + 1) { _, arguments in
                    guard !arguments.positional.isEmpty else { throw TemplateFault("'cycle' needs a value") }
                    return arguments.positional[loop.index % arguments.positional.count]
                })
        case "changed":
            return .function(
                RenderFunction(name, depth: loop.items.depth + 1) { evaluator, arguments in
                    let values = arguments.positional
                    try evaluator.budget.visit(RenderItems.measure(values).weight)
                    defer { loop.lastChanged = values }
                    return .boolean(loop.lastChanged != values)
                })
        default: return nil
        }
    }
}
