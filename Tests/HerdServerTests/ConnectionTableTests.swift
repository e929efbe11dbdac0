import HerdServer
import Testing

/// Which connections a server keeps where there are too many.
@Suite struct ConnectionTableTests {
    private final class Visitor {}

    private func emptyTable(_ maximum: Int) -> ConnectionTable<Visitor> {
        var table = ConnectionTable<Visitor>()
        table.maximum = maximum
        return table
    }

    @Test func `where all have said HELLO the new one is refused, and told so while few are`() {
        var table = emptyTable(2)
        var visitors: [Visitor] = []
        for _ in 0..<2 {
            let visitor = Visitor()
            visitors.append(visitor)
            #expect(table.add(visitor).text == "served")
            #expect(table.greeted(visitor) == true)
        }
        for _ in 0..<ConnectionTable<Visitor>.maximumEnding {
            let visitor = Visitor()
            visitors.append(visitor)
            #expect(table.add(visitor).text == "refused")
            #expect(table.greeted(visitor) == false)
        }
        #expect(table.add(Visitor()).text == "dropped")
        #expect(table.servedCount == 2 && table.all.count == visitors.count)
        table.remove(visitors[2])
        #expect(table.add(visitors[2]).text == "refused")
        table.remove(visitors[0])
        #expect(table.add(visitors[0]).text == "served")
        for visitor in visitors { table.remove(visitor) }
        #expect(table.isEmpty && table.servedCount == 0)
    }

    @Test func `the oldest without a HELLO gives way, and comes too late with it`() {
        var table = emptyTable(4)
        let visitors = (0..<9).map { _ in Visitor() }
        for visitor in visitors[..<4] { #expect(table.add(visitor).text == "served") }
        // The first has said it, the second is gone: the third is the oldest.
        #expect(table.greeted(visitors[0]) == true)
        table.remove(visitors[1])
        #expect(table.add(visitors[4]).text == "served")
        for (new, old) in [(5, 2), (6, 3), (7, 4)] {
            guard case .servedInsteadOf(let other, isTold: true) = table.add(visitors[new]) else {
                Issue.record("\(new) is not served")
                continue
            }
            #expect(other === visitors[old])
            #expect(table.greeted(other) == false)
            #expect(table.servedCount == 4)
        }
        for index in 5...7 { #expect(table.greeted(visitors[index]) == true) }
        #expect(table.add(visitors[8]).text == "refused")
    }

    @Test func `many that say nothing give way to many more, most without a word`() {
        var table = emptyTable(1)
        var last = Visitor()
        var visitors = [last]
        #expect(table.add(last).text == "served")
        for count in 0..<1_000 {
            let visitor = Visitor()
            visitors.append(visitor)
            guard case .servedInsteadOf(let other, let isTold) = table.add(visitor) else {
                Issue.record("\(count) is not served")
                continue
            }
            #expect(other === last)
            #expect(isTold == (count < ConnectionTable<Visitor>.maximumEnding))
            last = visitor
        }
        #expect(table.servedCount == 1)
        // Each of those that end has a file open.
        while visitors.count <= ConnectionTable<Visitor>.mostEnding {
            visitors.append(Visitor())
            #expect(table.add(visitors[visitors.count - 1]).text == "served instead of another")
        }
        let tooMany = Visitor()
        #expect(table.add(tooMany).text == "dropped" && table.servedCount == 1)
    }
}

extension ConnectionTable.Admission {
    fileprivate var text: String {
        switch self {
        case .served: "served"
        case .servedInsteadOf: "served instead of another"
        case .refused: "refused"
        case .dropped: "dropped"
        }
    }
}
