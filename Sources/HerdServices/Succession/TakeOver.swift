/// One process after another on one data folder, without a refused connection: `herdd ROLE --take-over`.
///
/// The process that runs listens on `take-over.sock` in its data folder (mode 0600, its own user). Its successor
///
/// 1. reads and checks its configuration, and asks;
/// 2. is given the listening sockets (`SCM_RIGHTS`) with their addresses, and what the store is like;
/// 3. checks what can be checked before it has the store: the schema, files, addresses that are new;
/// 4. says `take`.
///
/// The predecessor now holds streams that have not begun until those that run have ended, for 4/5 of `server.drain_timeout`
/// at most; unary calls are served as ever. Then it says `stopping`. **From here on there is no way back**: until then it has
/// lost nothing and serves on, whatever happens to the one that asked. A signal to end that comes between `take` and
/// `stopping` does not call it off: `stopping` is said at once.
///
/// It stops as on SIGTERM, within the rest of the drain: it accepts nothing more, tells its clients (GOAWAY), lets open calls
/// end, turns away what it held as not started, closes its stores and says `released`. All the while connections wait in the
/// queues of the sockets, which both processes have open. The successor opens the stores and accepts them.
enum TakeOver {
    static let socketName = "take-over.sock"

    /// The folder where a process of that role is found: its store, that of the router for all three.
    static func folder(_ role: HerdRole, _ configuration: HerdConfiguration) -> String {
        switch role {
        case .router, .all: configuration.router.data
        case .scorer: configuration.scorer.data
        case .refiner: configuration.refiner.data
        }
    }

    /// The folders of all stores of a process of that role.
    static func stores(_ role: HerdRole, _ configuration: HerdConfiguration) -> [String] {
        guard role == .all else { return [folder(role, configuration)] }
        return [HerdRole.router, .scorer, .refiner].map { folder($0, configuration) }
    }
}
