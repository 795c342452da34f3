/// Attributes and methods of numbers.
enum TemplateNumberMethods {
    static func member(_ name: String, of value: RenderValue) -> RenderValue? {
        switch (value, name) {
        case (.float(let number), "is_integer"): method(name, .boolean(number == number.rounded()))
        case (.float, "real"), (.float, "conjugate"): name == "real" ? value : method(name, value)
        case (.float, "imag"): .float(0)
        case (.float, _): nil
        default: value.wholeNumber.flatMap { member(name, of: $0) }
        }
    }

    private static func member(_ name: String, of number: Int) -> RenderValue? {
        switch name {
        case "real", "numerator": .integer(number)
        case "imag": .integer(0)
        case "denominator": .integer(1)
        case "conjugate": method(name, .integer(number))
        case "bit_length": method(name, .integer(Int.bitWidth - number.magnitude.leadingZeroBitCount))
        case "bit_count": method(name, .integer(number.magnitude.nonzeroBitCount))
        default: nil
        }
    }

    private static func method(_ name: String, _ result: RenderValue) -> RenderValue {
        .function(
            RenderFunction(name) { _, arguments in
                _ = try arguments.bind([], of: "the method '\(name)' of a number")
                return result
            })
    }
}
