import Compiler
import Testing

@Suite struct SpecializeRecurrencesTests {
    static let looping = """
        func @f(%x: f32[rows,4]) -> f32[rows,4] {
          %s = repeat recurrences (%a = %x) : f32[rows,4] {
            %b = silu %a : f32[rows,4]
            yield %b
          }
          return %s
        }

        """

    static func copy(_ count: Int) -> String {
        looping.replacing("@f", with: "@f.r\(count)").replacing("recurrences", with: "\(count)")
    }

    @Test func `each copy has its count and its name, and the original keeps looping`() throws {
        try expect(
            SpecializeRecurrences([Specialization("f", recurrences: 3), Specialization("f", recurrences: 0)]),
            of: Self.looping, toGive: Self.looping + Self.copy(3) + Self.copy(0))
    }

    @Test func `a loop whose count was fixed all along keeps it in the copy`() throws {
        let fixed = Self.looping.replacing("repeat recurrences", with: "repeat 7")
        try expect(
            SpecializeRecurrences([Specialization("f", recurrences: 3)]), of: fixed,
            toGive: fixed + fixed.replacing("@f", with: "@f.r3"))
    }

    @Test func `a function that does not exist is refused by name`() throws {
        let pass = SpecializeRecurrences([Specialization("decode", recurrences: 3)])
        let error = #expect(throws: CompilerError.self) { try pass.run(module(Self.looping)) }
        #expect(error?.description.contains("@decode") == true)
    }

    @Test func `the same specialization twice is refused, since two functions would have one name`() throws {
        let twice = CompilerOptions(
            specializations: [Specialization("f", recurrences: 3), Specialization("f", recurrences: 3)])
        let error = #expect(throws: CompilerError.self) { try Pipeline(twice).run(module(Self.looping)) }
        #expect(error?.description.contains("specialize-recurrences") == true)
        #expect(error?.description.contains("@f.r3") == true)
    }
}
