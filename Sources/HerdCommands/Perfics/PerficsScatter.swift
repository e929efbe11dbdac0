package import HerdMessages

/// Quality against cost: a ring for each model without refinement, and an arrow to a disc with it.
package struct PerficsScatter {
    private struct Point {
        var name: String
        var cost: Double
        var quality: Double
        var refined: (cost: Double, quality: Double)?
    }

    private struct Box {
        var left, top, right, bottom: Double

        func overlaps(_ other: Box) -> Bool {
            left < other.right && other.left < right && top < other.bottom && other.top < bottom
        }
    }

    private static let width = 820.0
    private static let height = 520.0
    private static let area = Box(left: 70, top: 90, right: 800, bottom: 460)

    private let title: String
    private let points: [Point]
    private let costName: String
    /// Models that have no place in the picture, and those that have none after refinement.
    private let leftOut: [String]
    private let withoutRefinement: [String]

    package init(_ rows: [PerficsRow], title: String) {
        self.title = title
        // Models that cost nothing are told apart by the time they take.
        let isPaid = rows.contains { $0.knownCost ?? 0 > 0 }
        costName = isPaid ? "US dollars per answer" : "seconds per answer"
        var points: [Point] = []
        var leftOut: [String] = []
        var withoutRefinement: [String] = []
        for row in rows {
            guard let performance = row.performance, performance.known,
                let cost = isPaid ? row.knownCost : row.knownLatency
            else {
                leftOut.append(row.model)
                continue
            }
            var point = Point(name: row.model, cost: cost, quality: performance.value)
            if row.gain?.known == true {
                let cost = isPaid ? row.knownRefinedCost : row.knownRefinedLatency
                if let cost, let score = row.knownRefinedScore {
                    point.refined = (cost, score)
                } else {
                    withoutRefinement.append(row.model)
                }
            }
            points.append(point)
        }
        self.points = points
        self.leftOut = leftOut
        self.withoutRefinement = withoutRefinement
    }

    package var svg: String {
        let area = Self.area
        let costs = points.map(\.cost) + points.compactMap(\.refined?.cost)
        let qualities = points.map(\.quality) + points.compactMap(\.refined?.quality)
        let across = PictureAxis(costs, limits: 0...1e12, start: area.left, end: area.right)
        let up = PictureAxis(qualities, limits: 0...1, start: area.bottom, end: area.top)
        var body = legend + axes(across, up)
        body += """
            <defs><marker id="tip" viewBox="0 0 8 8" refX="11" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
            <path class="faint" d="M0 0 L8 4 L0 8 z"/></marker></defs>

            """
        var taken: [Box] = []
        for point in points {
            for place in [(point.cost, point.quality), point.refined.map { ($0.cost, $0.quality) }].compactMap(\.self) {
                let (x, y) = (across.place(place.0), up.place(place.1))
                taken.append(Box(left: x - 7, top: y - 7, right: x + 7, bottom: y + 7))
            }
            if let refined = point.refined {
                taken += Self.boxes(
                    from: (across.place(point.cost), up.place(point.quality)),
                    to: (across.place(refined.cost), up.place(refined.quality)))
            }
        }
        for (place, point) in points.enumerated() {
            let colour = PictureText.colours[place % PictureText.colours.count]
            let (x, y) = (across.place(point.cost), up.place(point.quality))
            if let refined = point.refined {
                let (toX, toY) = (across.place(refined.cost), up.place(refined.quality))
                let distance = ((toX - x) * (toX - x) + (toY - y) * (toY - y)).squareRoot()
                // Nearer, both marks cover it.
                if distance > 14 {
                    body += Self.arrow(x, y, toX, toY)
                }
                body += Self.circle(toX, toY, 5, "fill=\"\(colour)\"")
            }
            body += Self.circle(x, y, 6, "fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"")
            body += label(point.name, x, y, &taken)
        }
        return PictureText.document(width: Self.width, height: Self.height, title: title, body: body)
    }

    private static func arrow(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
        let number = PictureText.number
        return
            "<line class=\"axis\" marker-end=\"url(#tip)\" x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" "
            + "y2=\"\(number(y2))\"/>"
    }

    /// Along an arrow, so that no name is written across it.
    private static func boxes(from start: (x: Double, y: Double), to end: (x: Double, y: Double)) -> [Box] {
        let (dx, dy) = (end.x - start.x, end.y - start.y)
        let steps = max(1, ((dx * dx + dy * dy).squareRoot() / 6).rounded())
        return stride(from: 0, through: steps, by: 1).map { step in
            let (x, y) = (start.x + dx * step / steps, start.y + dy * step / steps)
            return Box(left: x - 2, top: y - 2, right: x + 2, bottom: y + 2)
        }
    }

    private static func circle(_ x: Double, _ y: Double, _ radius: Double, _ look: String) -> String {
        "<circle cx=\"\(PictureText.number(x))\" cy=\"\(PictureText.number(y))\" r=\"\(PictureText.number(radius))\" "
            + "\(look)/>\n"
    }

    // MARK: - Text

    private var legend: String {
        var text = Self.circle(26, 52, 6, "fill=\"none\" class=\"axis\" stroke-width=\"2\"")
        text += PictureText.text("without refinement", x: 38, y: 56, classes: "faint") + "\n"
        text += Self.circle(186, 52, 5, "class=\"faint\"")
        text += PictureText.text("after the round of refinement that counts", x: 198, y: 56, classes: "faint") + "\n"
        if points.isEmpty {
            text += PictureText.text("no model's quality and cost are known", x: 300, y: 270, classes: "ink") + "\n"
        } else {
            let notes = [
                Self.note("not known", leftOut), Self.note("not known after refinement", withoutRefinement),
            ].compactMap(\.self)
            if !notes.isEmpty {
                text += PictureText.text(notes.joined(separator: "; "), x: 20, y: 78, classes: "faint") + "\n"
            }
        }
        return text
    }

    private static func note(_ what: String, _ models: [String]) -> String? {
        guard !models.isEmpty else { return nil }
        return "\(what): \(models.prefix(4).joined(separator: ", "))\(models.count > 4 ? " ..." : "")"
    }

    private func axes(_ across: PictureAxis, _ up: PictureAxis) -> String {
        let area = Self.area
        var text = ""
        for tick in up.ticks {
            let y = up.place(tick)
            text += PictureText.line("grid", area.left, y, area.right, y)
            text += PictureText.text(up.label(tick), x: area.left - 8, y: y + 4, anchor: "end", classes: "faint") + "\n"
        }
        for tick in across.ticks {
            let x = across.place(tick)
            text += PictureText.line("grid", x, area.top, x, area.bottom)
            text += PictureText.text(across.label(tick), x: x, y: area.bottom + 18, anchor: "middle", classes: "faint")
            text += "\n"
        }
        text += PictureText.line("axis", area.left, area.bottom, area.right, area.bottom)
        text += PictureText.line("axis", area.left, area.top, area.left, area.bottom)
        let middle = (area.left + area.right) / 2
        text += PictureText.text(costName, x: middle, y: area.bottom + 42, anchor: "middle", classes: "ink") + "\n"
        text += "<g transform=\"translate(22 \(PictureText.number((area.top + area.bottom) / 2))) rotate(-90)\">"
        text += PictureText.text("mean score", x: 0, y: 0, anchor: "middle", classes: "ink") + "</g>\n"
        return text
    }

    /// Puts a name beside its ring where it covers no mark and no other name, if there is such a place.
    private func label(_ name: String, _ x: Double, _ y: Double, _ taken: inout [Box]) -> String {
        let shown = name.count > 28 ? String(name.prefix(27)) + "…" : name
        let width = PictureText.width(shown)
        var places: [(x: Double, y: Double, anchor: String)] = []
        for distance in [0.0, 14, 28, 42] {
            places += [
                (x + 11, y + 4 - distance, "start"), (x + 11, y + 4 + distance, "start"),
                (x - 11, y + 4 - distance, "end"), (x - 11, y + 4 + distance, "end"),
                (x, y - 12 - distance, "middle"), (x, y + 22 + distance, "middle"),
            ]
        }
        func box(_ place: (x: Double, y: Double, anchor: String)) -> Box {
            let left = place.anchor == "start" ? place.x : place.anchor == "end" ? place.x - width : place.x - width / 2
            return Box(left: left, top: place.y - 11, right: left + width, bottom: place.y + 3)
        }
        let free = places.first { place in
            let box = box(place)
            return box.left >= Self.area.left + 2 && box.right <= Self.width - 4 && box.top >= Self.area.top - 12
                && box.bottom <= Self.area.bottom + 4 && !taken.contains { $0.overlaps(box) }
        }
        let place = free ?? places[0]
        taken.append(box(place))
        return PictureText.text(shown, x: place.x, y: place.y, anchor: place.anchor, classes: "ink") + "\n"
    }
}
