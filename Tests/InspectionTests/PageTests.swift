import Foundation
import Inspection
import Testing

@Suite struct PageTests {
    /// The part of the page between two texts.
    private func between(_ start: String, _ end: String, in page: String) throws -> Substring {
        let from = try #require(page.firstRange(of: start)).upperBound
        let to = try #require(page[from...].firstRange(of: end)).lowerBound
        return page[from..<to]
    }

    @Test func `the page holds the whole inspection, whatever the plan is called`() throws {
        var inspection = try InspectedModels.small.inspection
        inspection.plan = "</script><b>{{script}} & \"co\".plan"
        let page = try InspectionPage(inspection).html()
        let data = try between("<script type=\"application/json\" id=\"inspection\">", "</script>", in: page)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        #expect(try decoder.decode(Inspection.self, from: Data(data.utf8)) == inspection)
        #expect(try between("<title>", "</title>", in: page).hasPrefix("&lt;/script&gt;&lt;b&gt;{{script}} &amp; "))
    }

    @Test func `the page needs nothing but itself`() throws {
        let page = try InspectionPage(InspectedModels.small.inspection).html()
        for reference in [" src=", " href=", "@import", "url(http", "fetch(", "XMLHttpRequest", "import("] {
            #expect(!page.contains(reference), "\(reference)")
        }
        // A namespace is a name and not an address.
        #expect(Set(page.matches(of: /https?:[^"\s]+/).map { String($0.output) }) == ["http://www.w3.org/2000/svg"])
    }

    /// JavaScript's own `toPrecision` writes 730 with two digits as 7.3e+2.
    @Test func `all rounded numbers of the page go through the function that writes no exponent`() throws {
        let page = try InspectionPage(InspectedModels.small.inspection).html()
        #expect(page.matches(of: /\.toPrecision\(/).count == 1 && !page.contains(".toExponential("))
        #expect(page.contains("const rounded = (number, digits) =>"))
    }

    @Test func `the page has its style and every script`() throws {
        let page = try InspectionPage(InspectedModels.small.inspection).html()
        #expect(page.hasPrefix("<!doctype html>") && page.hasSuffix("</html>\n"))
        for part in [
            "prefers-color-scheme: dark", "class FunctionModel", "function layOut", "class StageGraph",
            "class GraphView", "class DetailsPanel", "class TapeView", "class MemoryView", "class PassesView",
            "new App();",
        ] {
            #expect(page.components(separatedBy: part).count == 2, "\(part) once")
        }
    }
}
