import HerdReflection

/// The parts of which pictures are written. Colours change with the viewer's light or dark theme, where it says so.
enum PictureText {
    static let style = """
        <style>
          .paper { fill: #ffffff } .ink { fill: #1f2328 } .faint { fill: #59636e }
          .grid { stroke: #d1d9e0; stroke-width: 1 } .axis { stroke: #59636e; stroke-width: 1 }
          text { font-family: system-ui, "DejaVu Sans", Helvetica, sans-serif; font-size: 12px }
          .title { font-size: 16px; font-weight: 600 }
          @media (prefers-color-scheme: dark) {
            .paper { fill: #0d1117 } .ink { fill: #e6edf3 } .faint { fill: #9198a1 }
            .grid { stroke: #2f353d } .axis { stroke: #9198a1 }
          }
        </style>
        """

    /// Distinct for people who see colours differently too (Okabe and Ito), and on white and on black.
    static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]

    static func document(width: Double, height: Double, title: String, body: String) -> String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(width)) \(number(height))" \
        width="\(number(width))" height="\(number(height))" role="img">
        <title>\(escaped(title))</title>
        \(style)
        <rect class="paper" width="100%" height="100%"/>
        \(text(title, x: 20, y: 28, classes: "ink title"))
        \(body)</svg>

        """
    }

    static func text(_ text: String, x: Double, y: Double, anchor: String = "start", classes: String) -> String {
        "<text class=\"\(classes)\" x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">\(escaped(text))</text>"
    }

    static func line(_ classes: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
        "<line class=\"\(classes)\" x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\"/>\n"
    }

    static func number(_ value: Double) -> String {
        let text = NumberFormat.decimals(value, 1)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    static func escaped(_ text: String) -> String {
        PrintableText.escaped(text).reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
    }

    /// About how wide a text is.
    static func width(_ text: String) -> Double { Double(text.count) * 7 }
}
