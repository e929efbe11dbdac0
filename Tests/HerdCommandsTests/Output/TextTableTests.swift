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
        #expect(table.text == "NAME                 N\ntwo\\nlines           1\n\\u{1B}[31mred\\u{202E}  12\n\n")
    }
}
