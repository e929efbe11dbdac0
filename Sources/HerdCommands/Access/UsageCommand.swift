package import ArgumentParser
package import HerdClient
import HerdMessages
import HerdPolicy

package struct UsageCommand: ServiceCommand {
    package static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "What tenants and tokens have used and spent, by day.",
        discussion: """
            Answers of models with their tokens, and US dollars: CHARGED holds what was set aside for answers under way (of it
            OPEN) and for those that were under way when the router was killed (of it UNSETTLED, which --unsettled lists): these
            stay charged. Of a token with a limit, charged and left are the limit, to the billionth. Days are those of UTC, and
            are kept for 400 days. A token of the role client sees what it has used itself.

            EXAMPLES
              herdctl usage --days 7 --tenant acme
              herdctl usage --days 31 --by tenant
              herdctl usage --day 2026-11-22 --json
              herdctl usage --unsettled
            """)

    @Option(help: "Only this tenant's.")
    var tenant = ""
    @Option(help: "Only this token's, by its id.")
    var token = ""
    @Option(help: "Only this day, YYYY-MM-DD.")
    var day: String?
    @Option(help: "So many days up to today; 30 if nothing else is said.")
    var days: Int?
    @Option(help: "Sum up all the days by tenant or by token.")
    var by: UsageGrouping?
    @Flag(help: "List what was set aside for answers of which nobody knows what they cost.")
    var unsettled = false
    @OptionGroup package var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func validate() throws {
        guard by == nil || !unsettled else { throw ValidationError("--by sums up days, not what --unsettled lists") }
        guard day == nil || days == nil else { throw ValidationError("give --day or --days, not both") }
        guard day.map({ CalendarDay($0) == nil }) != true else {
            throw ValidationError("--day must be a day written YYYY-MM-DD, not '\(day?.prefix(40) ?? "")'")
        }
        guard (1...400).contains(days ?? 1) else {
            throw ValidationError("--days must be 1 to 400, not \(days ?? 0)")
        }
    }

    package func run(with client: HerdClient) async throws {
        var request = GetUsageRequest(tenant: tenant, token: token, unsettled: unsettled)
        if let day {
            (request.firstDay, request.lastDay) = (day, day)
        } else if !unsettled || days != nil {
            request.firstDay = UTCTime.day(daysAgo: (days ?? 30) - 1)
        }
        var all = GetUsageResponse()
        repeat {
            request.page = Page(size: 1_000, token: all.next)
            let page = try await client.call(HerdMessages.Access.getUsage, request)
            all.days += page.days
            all.unsettled += page.unsettled
            all.next = page.next
        } while !all.next.isEmpty
        if let by { all.days = by.sums(of: all.days) }
        let found = all
        try output.print(found) {
            if let by { return Self.text(found.days, by: by) }
            return unsettled ? Self.text(found.unsettled) : Self.text(found.days)
        }
    }

    private static func text(_ sums: [UsageOfDay], by grouping: UsageGrouping) -> String {
        if sums.isEmpty { return "Nothing was used.\n" }
        var table = TextTable([
            (grouping.rawValue.uppercased(), .left), ("ANSWERS", .right), ("TOKENS IN", .right), ("TOKENS OUT", .right),
            ("CHARGED $", .right), ("OPEN $", .right), ("UNSETTLED $", .right),
        ])
        func add(_ name: String, _ sum: UsageOfDay) {
            table.add([
                name, "\(sum.answers)", "\(sum.promptTokens)", "\(sum.completionTokens)", dollars(sum.chargedNanoUsd),
                dollars(sum.reservedNanoUsd), dollars(sum.unsettledNanoUsd),
            ])
        }
        for sum in sums {
            let name = grouping.name(of: sum)
            add(name.isEmpty ? (grouping == .tenant ? "-" : "anybody") : name, sum)
        }
        add("ALL", sums.dropFirst().reduce(sums[0]) { $0.adding($1) })
        return table.text
    }

    private static func text(_ days: [UsageOfDay]) -> String {
        if days.isEmpty { return "Nothing was used.\n" }
        var table = TextTable([
            ("DAY", .left), ("TENANT", .left), ("TOKEN", .left), ("ANSWERS", .right), ("TOKENS IN", .right),
            ("TOKENS OUT", .right), ("CHARGED $", .right), ("OPEN $", .right), ("UNSETTLED $", .right),
            ("LIMIT $", .right), ("LEFT $", .right),
        ])
        for day in days {
            let hasLimit = day.limitNanoUsd > 0
            table.add([
                day.day, day.tenant.isEmpty ? "-" : day.tenant, day.token.isEmpty ? "anybody" : day.token,
                "\(day.answers)", "\(day.promptTokens)", "\(day.completionTokens)", dollars(day.chargedNanoUsd),
                dollars(day.reservedNanoUsd), dollars(day.unsettledNanoUsd),
                hasLimit ? dollars(day.limitNanoUsd) : "-",
                hasLimit ? (day.remainingNanoUsd < 0 ? "-" : "") + dollars(day.remainingNanoUsd.magnitude) : "-",
            ])
        }
        return table.text
    }

    private static func text(_ reservations: [UnsettledReservation]) -> String {
        if reservations.isEmpty { return "Nothing is unsettled.\n" }
        var table = TextTable([
            ("SINCE", .left), ("DAY", .left), ("TENANT", .left), ("TOKEN", .left), ("MODEL", .left),
            ("CHARGED $", .right),
        ])
        for reservation in reservations {
            table.add([
                UTCTime.text(reservation.timeUnixMs), reservation.day,
                reservation.tenant.isEmpty ? "-" : reservation.tenant, reservation.token, reservation.model,
                dollars(reservation.nanoUsd),
            ])
        }
        return table.text
    }

    /// Billionths of a US dollar as dollars, with as many digits as it takes, at least two.
    private static func dollars(_ nano: UInt64) -> String {
        let (whole, rest) = nano.quotientAndRemainder(dividingBy: 1_000_000_000)
        var digits = "\(1_000_000_000 + rest)".dropFirst()
        while digits.count > 2, digits.last == "0" { digits.removeLast() }
        return "\(whole).\(digits)"
    }
}

/// What rows of usage are summed up by.
enum UsageGrouping: String, ExpressibleByArgument, CaseIterable {
    case tenant
    case token

    func name(of row: UsageOfDay) -> String { self == .tenant ? row.tenant : row.token }

    /// One row for each name, in the order of the names; what does not hold for all of its days is left out.
    func sums(of days: [UsageOfDay]) -> [UsageOfDay] {
        var sums: [String: UsageOfDay] = [:]
        for day in days {
            var row = day
            (row.day, row.limitNanoUsd, row.remainingNanoUsd) = ("", 0, 0)
            if self == .tenant { row.token = "" } else { row.tenant = "" }
            let name = name(of: day)
            sums[name] = sums[name]?.adding(row) ?? row
        }
        return sums.sorted { $0.key < $1.key }.map(\.value)
    }
}

extension UsageOfDay {
    fileprivate func adding(_ other: UsageOfDay) -> UsageOfDay {
        var sum = self
        sum.answers += other.answers
        sum.promptTokens += other.promptTokens
        sum.completionTokens += other.completionTokens
        sum.chargedNanoUsd += other.chargedNanoUsd
        sum.reservedNanoUsd += other.reservedNanoUsd
        sum.unsettledNanoUsd += other.unsettledNanoUsd
        return sum
    }
}
