package import HerdMessages

/// The points of each term for each model, best first: what counts for it to the right, its cost to the left.
package struct PerficsBars {
    private static let width = 820.0
    private static let top = 90.0
    private static let rowHeight = 26.0
    private static let names = ["performance", "gain", "breadth", "cost"]

    private let rows: [PerficsRow]
    private let title: String

    package init(_ rows: [PerficsRow], title: String) {
        self.rows = rows
        self.title = title
    }

    package var svg: String {
        let ranked = rows.filter(\.ranked)
        let widest = rows.map { PictureText.width(Self.shown($0.model)) }.max() ?? 0
        let left = 30 + min(widest, 200)
        let bottom = Self.top + Double(rows.count) * Self.rowHeight + 8
        let sums = ranked.map { row in
            (Self.terms(row).filter { $0 > 0 }.reduce(0, +), Self.terms(row).filter { $0 < 0 }.reduce(0, +))
        }
        let axis = PictureAxis(
            [0] + sums.map(\.0) + sums.map(\.1), limits: -1e7...1e7, start: left, end: Self.width - 70)
        var body = legend
        for tick in axis.ticks {
            body += PictureText.line("grid", axis.place(tick), Self.top - 6, axis.place(tick), bottom)
            body +=
                PictureText.text(
                    axis.label(tick), x: axis.place(tick), y: bottom + 16, anchor: "middle", classes: "faint") + "\n"
        }
        for (place, row) in rows.enumerated() {
            body += bar(row, y: Self.top + Double(place) * Self.rowHeight, left: left, axis: axis)
        }
        body += PictureText.line("axis", axis.place(0), Self.top - 6, axis.place(0), bottom)
        body += PictureText.text("points", x: axis.place(0), y: bottom + 38, anchor: "middle", classes: "ink") + "\n"
        return PictureText.document(width: Self.width, height: bottom + 52, title: title, body: body)
    }

    private func bar(_ row: PerficsRow, y: Double, left: Double, axis: PictureAxis) -> String {
        var text =
            PictureText.text(Self.shown(row.model), x: left - 10, y: y + 15, anchor: "end", classes: "ink") + "\n"
        guard row.ranked else {
            let missing = row.missing.map { $0.prefix { $0 != ":" } }.joined(separator: ", ")
            return text
                + PictureText.text(
                    "not ranked, not known: \(missing)", x: axis.place(0) + 8, y: y + 15, classes: "faint")
                + "\n"
        }
        var positive = 0.0
        var negative = 0.0
        for (place, points) in Self.terms(row).enumerated() where points != 0 {
            let start = points > 0 ? positive : negative
            if points > 0 { positive += points } else { negative += points }
            let (from, to) = (axis.place(min(start, start + points)), axis.place(max(start, start + points)))
            text +=
                "<rect x=\"\(PictureText.number(from))\" y=\"\(PictureText.number(y + 3))\" "
                + "width=\"\(PictureText.number(to - from))\" height=\"16\" fill=\"\(PictureText.colours[place])\"/>\n"
        }
        let score = NumberFormat.decimals(row.score, 3)
        return text + PictureText.text(score, x: axis.place(positive) + 8, y: y + 15, classes: "ink") + "\n"
    }

    private var legend: String {
        var text = ""
        var x = 20.0
        for (name, colour) in zip(Self.names, PictureText.colours) {
            text += "<rect x=\"\(PictureText.number(x))\" y=\"46\" width=\"12\" height=\"12\" fill=\"\(colour)\"/>\n"
            text += PictureText.text(name, x: x + 18, y: 56, classes: "faint") + "\n"
            x += 40 + PictureText.width(name)
        }
        return text + PictureText.text("the number is the score", x: x + 10, y: 56, classes: "faint") + "\n"
    }

    private static func terms(_ row: PerficsRow) -> [Double] {
        [row.performance, row.gain, row.breadth, row.cost].map { $0?.known == true ? $0?.points ?? 0 : 0 }
    }

    private static func shown(_ name: String) -> String {
        name.count > 28 ? String(name.prefix(27)) + "…" : name
    }
}
