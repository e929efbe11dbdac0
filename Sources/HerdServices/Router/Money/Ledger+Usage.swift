import HerdFrames
package import HerdMessages
import HerdPolicy
import HerdStore

/// Reports of what was used.
extension Ledger {
    /// One page of days, or of reservations that were never settled, as of one moment.
    package func usage(_ request: GetUsageRequest) async throws -> GetUsageResponse {
        let size = try Paging.size(request.page)
        try Check.day(request.firstDay, field: "first_day")
        try Check.day(request.lastDay, field: "last_day")
        let first = Self.number(request.firstDay, or: 0)
        let last = Self.number(request.lastDay, or: .max)
        guard first <= last else {
            throw CallError(
                .invalidArgument, "last_day '\(request.lastDay)' is before first_day '\(request.firstDay)'; swap them")
        }
        let days = first...last
        let token = request.page?.token ?? ""
        // What is over shows. A disk that takes nothing now still tells what it holds.
        await flush()
        return try store.read { transaction in
            request.unsettled
                ? try unsettled(request, days, size, after: token, in: transaction)
                : try self.days(request, days, size, after: token, in: transaction)
        }
    }

    /// Money that is set aside, by whom and by which process.
    fileprivate struct Held {
        var reserved: UInt64 = 0
        var unsettled: UInt64 = 0
        var sum: UInt64 { NanoUSD.sum(reserved, unsettled) }
    }

    private func days(
        _ request: GetUsageRequest, _ days: ClosedRange<UInt64>, _ size: Int, after token: String,
        in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> GetUsageResponse {
        var held: [LedgerBatch.Row: Held] = [:]
        try transaction.scan(Self.reservations) { record in
            try Self.checkCancellation()
            guard let reservation = try? ReservationRecord(stored: try record.value()),
                days.contains(reservation.day), request.token.isEmpty || reservation.token == request.token
            else { return .next }
            let row = LedgerBatch.Row(
                day: reservation.day, payer: Payer(token: reservation.token, tenant: reservation.tenant))
            var sum = held[row] ?? Held()
            if reservation.run == run {
                sum.reserved = NanoUSD.sum(sum.reserved, reservation.nanoUsd)
            } else {
                sum.unsettled = NanoUSD.sum(sum.unsettled, reservation.nanoUsd)
            }
            held[row] = sum
            return .next
        }
        var range = try ScanRange.from(OrderedBytes().adding(days.lowerBound))
        if !token.isEmpty {
            range = try .after(try Self.key(token))
        }
        let today = today
        // Of a token's day: all its tenants together.
        var spent: (day: UInt64, token: String, amount: UInt64)?
        var response = GetUsageResponse()
        var last: [UInt8] = []
        try Self.scanAccounts(of: request.token, range, in: transaction) { record in
            let key = try record.key()
            guard let day = Self.day(ofKey: key), day <= days.upperBound else { return .stop }
            guard var account = try? AccountRecord(stored: try record.value()),
                request.token.isEmpty || account.token == request.token,
                request.tenant.isEmpty || account.tenant == request.tenant
            else { return .next }
            if response.days.count == size {
                response.next = Self.text(last)
                return .stop
            }
            if spent?.day != day || spent?.token != account.token {
                spent = (day, account.token, try Self.spent(by: account.token, on: day, held, in: transaction))
            }
            // The one in force; of days before the one that was.
            if day == today { account.limitNanoUsd = NanoUSD.of(usd: limit(account.token)) }
            let row = LedgerBatch.Row(day: day, payer: Payer(token: account.token, tenant: account.tenant))
            response.days.append(UsageOfDay(account, held: held[row] ?? Held(), spent: spent?.amount ?? 0))
            last = key
            return .next
        }
        return response
    }

    /// Visits everybody's rows, or those of one token, which are few among them: day by day, only they are read.
    private static func scanAccounts(
        of token: String, _ range: ScanRange, in transaction: borrowing some ReadableTransaction & ~Copyable,
        _ body: (borrowing Record<[UInt8]>) throws -> ScanStep
    ) throws {
        var isOver = false
        func visit(_ record: borrowing Record<[UInt8]>) throws -> ScanStep {
            try checkCancellation()
            let step = try body(record)
            isOver = step == .stop
            return step
        }
        guard !token.isEmpty else { return try transaction.scan(accounts, range, visit) }
        var range = range
        while !isOver, let key = try transaction.firstKey(of: accounts, range), let day = day(ofKey: key), day < .max {
            var rows = range
            rows.prefix = OrderedBytes().adding(day).adding(token).bytes
            // Where the range begins before them.
            if rows.start?.starts(with: rows.prefix) == false { rows.start = nil }
            try transaction.scan(accounts, rows, visit)
            range = try .from(OrderedBytes().adding(day + 1))
        }
    }

    /// Who took the call back, or had it end, does not have everything read.
    private static func checkCancellation() throws(CallError) {
        if Task.isCancelled { throw CallError(.cancelled, "the caller took the call back") }
    }

    private static func spent(
        by token: String, on day: UInt64, _ held: [LedgerBatch.Row: Held],
        in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> UInt64 {
        var sum: UInt64 = 0
        try transaction.scan(Self.accounts, .prefix(OrderedBytes().adding(day).adding(token).bytes)) { record in
            if let account = try? AccountRecord(stored: try record.value()) {
                sum = NanoUSD.sum(sum, account.chargedNanoUsd)
            }
            return .next
        }
        for (row, amounts) in held where row.day == day && row.payer.token == token {
            sum = NanoUSD.sum(sum, amounts.sum)
        }
        return sum
    }

    private func unsettled(
        _ request: GetUsageRequest, _ days: ClosedRange<UInt64>, _ size: Int, after token: String,
        in transaction: borrowing some ReadableTransaction & ~Copyable
    ) throws -> GetUsageResponse {
        var range = ScanRange.all
        if !token.isEmpty {
            guard let key = UInt64(token) else { throw Self.wrong(token) }
            range = try .after(key)
        }
        var response = GetUsageResponse()
        try transaction.scan(Self.reservations, range) { record in
            try Self.checkCancellation()
            guard let stored = try? ReservationRecord(stored: try record.value()), stored.run != run,
                days.contains(stored.day), request.token.isEmpty || stored.token == request.token,
                request.tenant.isEmpty || stored.tenant == request.tenant
            else { return .next }
            if response.unsettled.count == size {
                response.next = response.unsettled.last?.id ?? ""
                return .stop
            }
            response.unsettled.append(
                UnsettledReservation(
                    id: String(try record.key()), day: Self.text(ofDay: stored.day), tenant: stored.tenant,
                    token: stored.token, model: stored.model, nanoUsd: stored.nanoUsd, timeUnixMs: stored.timeUnixMs))
            return .next
        }
        return response
    }

    // MARK: - Texts

    fileprivate static func text(ofDay day: UInt64) -> String {
        String(WallClock.text(milliseconds: day * 86_400_000).prefix(10))
    }

    private static func number(_ day: String, or absent: UInt64) -> UInt64 {
        CalendarDay(day).map { UInt64(max(0, $0.daysSinceEpoch)) } ?? absent
    }

    /// A key as a page's token.
    private static func text(_ key: [UInt8]) -> String {
        key.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    private static func key(_ text: String) throws(CallError) -> [UInt8] {
        let digits = text.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue.map(UInt8.init) }
        guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2), digits.count <= 2 * 511 else {
            throw wrong(text)
        }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private static func wrong(_ token: String) -> CallError {
        CallError(.invalidArgument, "page.token '\(token.prefix(80))' is none; give back what 'next' said")
    }
}

extension UsageOfDay {
    fileprivate init(_ account: AccountRecord, held: Ledger.Held, spent: UInt64) {
        let limit = account.limitNanoUsd
        self.init(
            day: Ledger.text(ofDay: account.day), tenant: account.tenant, token: account.token,
            answers: account.answers, promptTokens: account.promptTokens, completionTokens: account.completionTokens,
            chargedNanoUsd: NanoUSD.sum(account.chargedNanoUsd, held.sum), reservedNanoUsd: held.reserved,
            unsettledNanoUsd: held.unsettled, limitNanoUsd: limit,
            remainingNanoUsd: limit == 0 ? 0 : Int64(limit) - Int64(spent))
    }
}
