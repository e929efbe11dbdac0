/// Who kept the processors busy during a run.
package struct ProcessorShares: Sendable {
    /// Processors that the load generator kept busy on average.
    package let own: Double
    /// Share of one processor that the busiest thread of the load generator kept busy, 0..1.
    package let busiestThread: Double
    /// Processors that servers on the same machine kept busy; nil where they are elsewhere.
    package let servers: Double?
    /// Processors of the machine.
    package let all: Int

    package init(own: Double, busiestThread: Double, servers: Double?, all: Int) {
        self.own = own
        self.busiestThread = busiestThread
        self.servers = servers
        self.all = all
    }

    /// Whether the generator, and not the servers, may well be what is measured: it has next to all the processors that
    /// they leave, or more than they do of a machine that is busy, or a thread of it that has no time left, as one event
    /// loop has with one connection.
    package var generatorIsTheLimit: Bool {
        let servers = servers ?? 0
        return own >= 0.9 * (Double(all) - servers) || (own > servers && own + servers >= 0.8 * Double(all))
            || busiestThread >= 0.9
    }
}
