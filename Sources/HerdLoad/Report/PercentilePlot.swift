import Glibc
import HerdJSON

/// Latency by percentile as a picture (SVG): the nines to the right on a logarithmic axis, so that the tail shows.
package struct PercentilePlot {
    /// One line of the picture.
    package struct Line {
        let name: String
        /// Shares, 0..<1, rising, and latencies in milliseconds, over 0.
        let points: [(share: Double, milliseconds: Double)]

        package init(_ name: String, _ histogram: LatencyHistogram) {
            self.name = name
            // The last is 100 %, which lies at no finite place.
            let shares = LatencyHistogram.shares(upTo: histogram.count).dropLast()
            points = zip(shares, histogram.percentiles(Array(shares))).map { share, found in
                (share, max(1e-6, Double(found.value) / 1e6))
            }
        }
    }

    private let title: String
    private let lines: [Line]
    private static let (width, height) = (760.0, 440.0)
    private static let (left, right, top, bottom) = (70.0, 20.0, 50.0, 60.0)
    /// Distinct for people who see colours differently too (Okabe and Ito), and on white and on black.
    private static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
    private static let style = """
        <style>
          .paper { fill: #ffffff } .ink { fill: #1f2328 } .faint { fill: #59636e }
          .grid { stroke: #d1d9e0; stroke-width: 1 } .line { fill: none; stroke-width: 2 }
          text { font-family: system-ui, "DejaVu Sans", Helvetica, sans-serif; font-size: 12px }
          .title { font-size: 16px; font-weight: 600 }
          @media (prefers-color-scheme: dark) {
            .paper { fill: #0d1117 } .ink { fill: #e6edf3 } .faint { fill: #9198a1 } .grid { stroke: #2f353d }
          }
        </style>
        """

    /// - Parameter lines: those without points are left out.
    package init(title: String, _ lines: [Line]) {
        (self.title, self.lines) = (title, lines.filter { !$0.points.isEmpty })
    }

    package var svg: String {
        let name = Self.escaped(title)
        var body = ""
        let decades = decades
        for power in decades.low...decades.high {
            let value = pow(10, Double(power))
            let y = y(value)
            body += Self.gridLine(Self.left, y, Self.width - Self.right, y)
            body += Self.text("\(FixedDecimals.short(value)) ms", Self.left - 8, y + 4, anchor: "end")
        }
        for power in 0...nines {
            let x = x(1 - pow(10, -Double(power)))
            body += Self.gridLine(x, Self.top, x, Self.height - Self.bottom)
            body += Self.text(Self.percent(power), x, Self.height - Self.bottom + 18, anchor: "middle")
        }
        body += Self.text("percentile", (Self.left + Self.width - Self.right) / 2, Self.height - 8, anchor: "middle")
        for (index, line) in lines.enumerated() {
            let colour = Self.colours[index % Self.colours.count]
            let points = line.points.map { "\(Self.number(x($0.share))),\(Self.number(y($0.milliseconds)))" }
            body += "<polyline class=\"line\" stroke=\"\(colour)\" points=\"\(points.joined(separator: " "))\"/>\n"
            let legend = Self.top + 16 * Double(index) + 12
            body += "<rect x=\"\(Self.number(Self.left + 12))\" y=\"\(Self.number(legend - 9))\" width=\"10\" "
            body += "height=\"10\" fill=\"\(colour)\"/>\n"
            body += Self.text(line.name, Self.left + 28, legend, anchor: "start", classes: "ink")
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.number(Self.width)) \(Self.number(Self.height))" \
            width="\(Self.number(Self.width))" height="\(Self.number(Self.height))" role="img">
            <title>\(name)</title>
            \(Self.style)
            <rect class="paper" width="100%" height="100%"/>
            <text class="ink title" x="20" y="28">\(name)</text>
            \(body)</svg>

            """
    }

    // MARK: - Axes

    /// Powers of ten of milliseconds that hold all lines.
    private var decades: (low: Int, high: Int) {
        let values = lines.flatMap { $0.points.map(\.milliseconds) }
        guard let least = values.min(), let most = values.max() else { return (-1, 1) }
        let low = Int(log10(least).rounded(.down))
        return (low, max(low + 1, Int(log10(most).rounded(.up))))
    }

    /// Nines that hold all lines.
    private var nines: Int {
        let last = lines.compactMap(\.points.last?.share).max() ?? 0.9
        return max(1, Int((-log10(1 - last)).rounded(.up)))
    }

    private func x(_ share: Double) -> Double {
        Self.left + (Self.width - Self.left - Self.right) * -log10(1 - share) / Double(nines)
    }

    private func y(_ milliseconds: Double) -> Double {
        let (low, high) = decades
        let place = (log10(milliseconds) - Double(low)) / Double(high - low)
        return Self.height - Self.bottom - (Self.height - Self.top - Self.bottom) * place
    }

    /// 0 %, 90 %, 99 %, 99.9 % ...
    private static func percent(_ nines: Int) -> String {
        switch nines {
        case 0: "0 %"
        case 1: "90 %"
        case 2: "99 %"
        default: "99.\(String(repeating: "9", count: nines - 2)) %"
        }
    }

    // MARK: - Parts

    private static func gridLine(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
        "<line class=\"grid\" x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\"/>\n"
    }

    private static func text(
        _ text: String, _ x: Double, _ y: Double, anchor: String, classes: String = "faint"
    ) -> String {
        "<text class=\"\(classes)\" x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">"
            + "\(escaped(text))</text>\n"
    }

    private static func number(_ value: Double) -> String { FixedDecimals.text(value, 1) }

    private static func escaped(_ text: String) -> String {
        // As JSON has it no control character is left, of which XML takes next to none.
        JSONNode.string(text).text().dropFirst().dropLast().reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.append(character)
            }
        }
    }
}
