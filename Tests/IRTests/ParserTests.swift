import IR
import ParserFuzzing
import Testing

@Suite struct ParserTests {
    /// A text, the place at which reading it stops, and a part of the message.
    struct Mistake: Sendable, CustomTestStringConvertible {
        var text: String
        var line: Int
        var column: Int
        var message: String

        init(_ text: String, _ line: Int, _ column: Int, _ message: String) {
            self.text = text
            self.line = line
            self.column = column
            self.message = message
        }

        /// A mistake in a line of a function that has `%x : f32[rows,4]` and `%i : i32[rows]`.
        init(body: String, _ column: Int, _ message: String) {
            text = "func @f(%x: f32[rows,4], %i: i32[rows]) -> f32[rows,4] {\n\(body)\nreturn %x\n}"
            line = 2
            self.column = column
            self.message = message
        }

        var testDescription: String { message }
    }

    static let mistakes = [
        Mistake("module", 1, 1, "found 'module', expected 'weight', 'cache', 'func' or the end of the text"),
        Mistake("// é comment\n  é", 2, 3, "found 'é', which no part of a module starts with"),
        Mistake("weight @w : f32[\u{7}", 1, 17, "the control character 7"),
        Mistake("weight @", 1, 8, "found '@' without a name"),
        Mistake("weight %w", 1, 8, "found '%w', expected the weight's name"),
        Mistake("weight @w f32[2]", 1, 11, "found 'f32', expected ':' and the weight's type"),
        Mistake("weight @w : f64[2]", 1, 13, "found 'f64', expected a type"),
        Mistake("weight @w : f32", 1, 16, "found the end of the text, expected '['"),
        Mistake("weight @w : f32[0]", 1, 17, "found '0', expected 'rows' or an extent from 1 to 2147483647"),
        Mistake("weight @w : f32[99999999999999999999]", 1, 17, "expected 'rows' or an extent"),
        Mistake("weight @w : f32[1,1,1,1,1]", 1, 25, "expected at most 4 extents"),
        Mistake("weight @w : f32[2 3]", 1, 19, "found '3', expected ']' or ','"),
        Mistake("weight @w : f32[2,3] = %v", 1, 24, "expected the name of a tensor"),
        Mistake("weight @w : f32[2,3] = @v", 1, 26, "found the end of the text, expected '[' and the tensor's shape"),
        Mistake("weight @w : f32[2,3] = @v[:, 0:3]", 1, 27, "found ':', expected an extent from 1 to 2147483647"),
        Mistake("weight @w : f32[2,3] = @v[rows,3]", 1, 27, "found 'rows', expected an extent"),
        Mistake("weight @w : f32[2,3] = @v[0,3]", 1, 27, "found '0', expected an extent"),
        Mistake("weight @w : f32[2,3] = @v[1,1,1,1,1]", 1, 35, "expected at most 4 extents"),
        Mistake("weight @w : f32[2,3] = @v[2 3]", 1, 29, "found '3', expected ']' or ',' and another extent"),
        Mistake("weight @w : f32[2,3] = @v[2,9][0:3]", 1, 32, "found '0', expected ':', as in '[:, 0:288]'"),
        Mistake("weight @w : f32[2,3] = @v[2,9][:, -1:3]", 1, 35, "found '-1', expected the first column"),
        Mistake("weight @w : f32[2,3] = @v[2,9][:, 4:3]", 1, 37, "found '3', expected the column after the last"),
        Mistake("weight @w : f32[2,3] = @v[2,3],", 1, 32, "found the end of the text, expected the name of a tensor"),
        Mistake("weight @w : f32[2,3] = @v[2,3] halves of", 1, 39, "found 'of', expected the number of heads"),
        Mistake("weight @w : f32[2,3] = @v[2,3] halves 1", 1, 40, "expected 'of' and the rows of a head"),
        Mistake("weight @w : f32[2,3] = @v[2,3] halves 1 of 1", 1, 44, "found '1', expected the rows of a head"),
        Mistake("weight @w : f32[2] = frequencies", 1, 33, "expected '{' and the base"),
        Mistake("weight @w : f32[2] = frequencies {factor = 2}", 1, 35, "found 'factor', expected 'base'"),
        Mistake("weight @w : f32[2] = frequencies {base = 0}", 1, 42, "found '0', expected a finite number above 0"),
        Mistake("weight @w : f32[2] = frequencies {base = nan}", 1, 42, "expected a finite number above 0 for base"),
        Mistake("weight @w : f32[2] = frequencies {base = 2, factor = 2}", 1, 45, "found 'factor', expected 'scaling'"),
        Mistake(
            "weight @w : f32[2] = frequencies {base = 2, scaling = cubic}", 1, 55,
            "found 'cubic', expected one of linear, dynamic, llama3, yarn"),
        Mistake(
            "weight @w : f32[2] = frequencies {base = 2, scaling = linear}", 1, 61,
            "expected ',' and the value of factor"),
        Mistake(
            "weight @w : f32[2] = frequencies {base = 2, scaling = linear, factor = 2, low = 1}", 1, 73, "expected '}'"),
        Mistake(
            "func @f(%x: f32[rows,4]) -> f32[rows,4] {\nreturn %x as\n}", 3, 1, "found '}', expected the result's name"),
        Mistake(
            "func @f(%x: f32[rows,4]) -> f32[rows,4] {\nreturn %x as %y\n}", 2, 14,
            "found '%y', expected the result's name"
        ),
        Mistake(
            "func @f(%x: f32[rows,4]) -> f32[rows,4] {\nreturn %x as a,\n}", 3, 1, "found '}', expected another value"),
        Mistake("cache @c : f32[2,3] recurring", 1, 21, "found 'recurring', expected 'weight'"),
        Mistake("func @f(%x: f32[rows,4], %x: i32[rows]) -> () {", 1, 26, "%x is defined a second time"),
        Mistake("func @f(%x: f32[rows,4],) -> () {", 1, 25, "found ')', expected another parameter"),
        Mistake("func @f() {", 1, 11, "found '{', expected '->'"),
        Mistake("func @f() -> () {\n  return\n", 3, 1, "found the end of the text, expected '}'"),
        Mistake("func @f() -> () {\n", 2, 1, "found the end of the text, expected an operation or 'return'"),
        Mistake(
            "func @f(%x: f32[rows,4]) -> i32[rows] {\nreturn %x\n}", 2, 1,
            "returns (f32[rows,4]), but function @f was declared to return (i32[rows])"),
        Mistake(body: "  %y = frobnicate %x : f32[rows,4]", 8, "found 'frobnicate', expected an operation"),
        Mistake(body: "frobnicate %x", 1, "found 'frobnicate', expected an operation or 'return'"),
        Mistake(body: "%y = silu %z : f32[rows,4]", 11, "%z is not defined here"),
        Mistake(body: "%x = silu %x : f32[rows,4]", 1, "%x is defined a second time"),
        Mistake(body: "%y, = silu %x : f32[rows,4]", 5, "found '=', expected another result"),
        Mistake(body: "%y silu %x : f32[rows,4]", 4, "found 'silu', expected '=' and an operation"),
        Mistake(body: "%y = silu %x", 1, "expected ':' and the types"),
        Mistake(
            body: "%y = silu %x : f32[rows,4], f32[rows,4]", 16, "found 2 types, expected one for each of 1 results"),
        Mistake(body: "silu %x : f32[rows,4]", 9, "expected no types, for the operation has no results"),
        Mistake(body: "%y = linear @w, %x : f32[rows,4]", 17, "found '%x', expected a symbol"),
        Mistake(body: "%y = norm %x, @w {eps} : f32[rows,4]", 22, "found '}', expected '=' and the value of eps"),
        Mistake(body: "%y = norm %x, @w {eps = much} : f32[rows,4]", 25, "found 'much', expected a number for eps"),
        Mistake(body: "%y = norm %x, @w {eps = 1, eps = 1} : f32[rows,4]", 28, "attribute eps is given a second time"),
        Mistake(body: "%y = norm %x, @w {base = 1} : f32[rows,4]", 19, "found 'base', expected one of 'eps'"),
        Mistake(body: "%y = silu %x {eps = 1} : f32[rows,4]", 15, "expected no attributes: silu takes none"),
        Mistake(body: "%y = slice %x {from = 0.5, to = 2} : f32[rows,2]", 23, "expected an integer for from"),
        Mistake(body: "cache_write %x, %x, %i, %i, %i, @c {recurrence = x}", 50, "found 'x', expected a recurrence"),
        Mistake(
            body: "%y = repeat often (%a = %x) : f32[rows,4] {", 13, "found 'often', expected 'recurrences' or a number"
        ),
        Mistake(body: "%y = repeat -1 (%a = %x) : f32[rows,4] {", 13, "found '-1', expected 'recurrences' or a number"),
        Mistake(body: "%y = repeat 2 (%a = ) : f32[rows,4] {", 21, "found ')', expected what %a holds at first"),
        Mistake(
            body: "%y = repeat 2 () : f32[rows,4] {", 16, "found 0 carried values, expected one for each of 1 results"),
        Mistake(body: "%y = repeat 2 (%x = %x) : f32[rows,4] {", 16, "%x is defined a second time"),
        Mistake(body: "%y = repeat 2 (%a = %x) : f32[rows,4] { yield %y }", 47, "%y is not defined here"),
        Mistake(
            body: "%y = repeat 2 (%a = %x) : f32[rows,4] { yield %a } %z = silu %a : f32[rows,4]", 62,
            "%a is not defined here"),
        Mistake(body: String(repeating: "repeat 1 () { ", count: 9), 120, "loops are nested more than 8 deep"),
        Mistake(body: "%y = norm %x, @w {eps = - 1} : f32[rows,4]", 25, "found '-', expected a number behind it"),
    ]

    @Test(arguments: mistakes)
    func `a mistake is reported where it is`(_ mistake: Mistake) throws {
        let error = #expect(throws: ParseError.self) { try Module(parsing: mistake.text) }
        guard let error else { return }
        if mistake.message.hasPrefix("expected ':' and the types") {
            // The mistake is found at the first token of the next line.
            #expect(error.line == 3 && error.column == mistake.column)
        } else {
            #expect(error.line == mistake.line && error.column == mistake.column, "\(error)")
        }
        #expect(error.problem.contains(mistake.message), "\(error)")
        #expect(error.description.hasPrefix("line \(error.line), column \(error.column): "))
    }

    @Test func `a very deep nesting is refused, not followed`() {
        let text = "func @f() -> () {" + String(repeating: "repeat 1 () {", count: 200_000)
        #expect(throws: ParseError.self) { try Module(parsing: text) }
    }

    @Test func `a name that nobody can read is quoted in part`() {
        let text = "weight @w : " + String(repeating: "long", count: 100_000)
        let error = #expect(throws: ParseError.self) { try Module(parsing: text) }
        #expect(error?.problem.hasPrefix("found 'longlong") == true)
        #expect((error?.problem.utf8.count ?? .max) < 300)
    }

    /// A test of `ArchitecturesTests` does the same with the texts of the shipped functions.
    @Test func `no damaged text crashes the parser, the verifier or the printer`() throws {
        let texts = [
            canonicalText, TextFormTests.module(eps: 1e-6).description,
            VerifierTests.text(VerifierTests.wellFormed[10]),
            VerifierTests.text(VerifierTests.wellFormed[17]),
        ]
        let tally = try ParserFuzzer(texts: texts, seed: 1).run(0..<10_000)
        // Otherwise this tests little.
        #expect(tally.rejected > 2000 && tally.verified > 500, "\(tally)")
        #expect(tally.slowest < .seconds(5))
    }
}
