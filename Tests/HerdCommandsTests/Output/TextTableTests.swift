import HerdCommands
import Testing

@Suite("Tables")
struct TextTableTests {
    @Test("pad columns, and keep each row on its line")
    func rows() {
        var table = TextTable([("NAME", .left), ("N", .right)])
        table.add(["two\nlines", "1"])
        table.add(["\u{1B}[31mred\u{202E}", "12", "surplus"])
        table.add([])
        #expect(
            table.text.split(separator: "\n", omittingEmptySubsequences: false) == [
                "NAME                    N", "two\\nlines              1", "\\u{1B}[31mred\\u{202E}  12", "", "",
            ])
    }
}
