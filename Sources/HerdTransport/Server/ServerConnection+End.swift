import HerdFrames
package import NIOCore

/// Draining, parting and closing.
extension ServerConnection {
    /// Takes no more calls, lets the open ones end, closes: with the client where it closes when it has no open call,
    /// else once it has answered a PING sent after the last call, so that late requests get to know that they were not
    /// started.
    ///
    /// - Parameter timeout: When calls still open get END UNAVAILABLE.
    package func drain(timeout: TimeAmount) {
        guard !machine.hasEnded else { return }
        if let goAway = machine.drain() { output.append(goAway.frame) }
        abandonDeadline = min(abandonDeadline, .now() + timeout)
        abandon { $0.endsWithDrain }
        flush()
        setTimer()
    }

    /// Has the client connect again, to be let in anew: takes no more calls, gives the open ones a while, closes.
    func sendAway(_ reason: String) {
        guard let goAway = machine.sendAway(because: reason) else { return }
        statistics.ended(goAway.cause)
        output.append(goAway.frame)
        abandonDeadline = min(abandonDeadline, .now() + limits.departureTimeout)
        abandon { $0.endsWithDrain }
        // Else that comes when what is being handled has been answered.
        if !isHandling { flush() }
        setTimer()
    }

    /// The last call of a connection that takes no more has ended: waits for what the client sent before it knew.
    func part() {
        if machine.beginParting() { ping() }
        lingerDeadline =
            .now() + (machine.isAwaitingHello ? ConnectionLimits.silentLingerTime : ConnectionLimits.lingerTime)
        setTimer()
    }

    /// Ends open calls with END UNAVAILABLE, because the server stops or the client is to connect again.
    func abandon(_ isMeant: (ServerCall) -> Bool) {
        for (_, call) in machine.abandon(isMeant) {
            let why = machine.asksToReconnect ? "the connection was closed" : "the server stopped"
            stop(call, CallError(.unavailable, "\(why) before the call was done"))
        }
    }

    /// Sends what is to be sent, lets the client see it, closes.
    func close() {
        if machine.isAwaitingHello { output.append(GoAway.stopped.frame) }
        _ = machine.end()
        write()
        context?.close(mode: .output, promise: nil)
        helloDeadline = .distantFuture
        abandonDeadline = .distantFuture
        lingerDeadline = .distantFuture
        closeDeadline = .now() + ConnectionLimits.discardTime
        setTimer()
    }

    /// Ends the connection because there are too many.
    ///
    /// - Parameter isTold: Else it is closed without a word.
    package func turnAway(_ reason: GoAway, isTold: Bool = true) {
        guard isTold else {
            context?.close(promise: nil)
            return
        }
        guard let context, context.channel.isActive else {
            // As soon as there is somebody to tell.
            refusal = reason
            return
        }
        if !machine.hasEnded { end(reason) }
    }

    /// Ends the connection for a reason: GOAWAY, no more writing, input thrown away for a second, close.
    ///
    /// Closing with unread input would reset the connection, and the client would never see the GOAWAY.
    func end(_ reason: GoAway) {
        for (_, call) in machine.end() {
            call.stop(CallError(.cancelled, "the connection ended: \(reason.message)"))
        }
        statistics.ended(reason.cause)
        output.append(reason.frame)
        isReading = true
        readChannel(true)
        close()
    }
}
