/// One process after another on one data folder, without a refused connection: `herdd ROLE --take-over`.
///
/// The process that runs listens on `take-over.sock` in its data folder (mode 0600, its own user). Its successor
///
/// 1. reads and checks its configuration, and asks;
/// 2. is given the listening sockets (`SCM_RIGHTS`) with their addresses, and what the store is like;
/// 3. checks what can be checked before it has the store: the schema, files, addresses that are new;
/// 4. says `take`. **From here on there is no way back.** Until then the process that runs has lost nothing and serves on,
///    whatever happens to the one that asked.
///
/// The predecessor then stops as on SIGTERM: it accepts nothing more, tells its clients (GOAWAY), lets open calls end within
/// `server.drain_timeout`, closes its stores and says `released`. All the while connections wait in the queues of the
/// sockets, which both processes have open. The successor opens the stores and accepts them.
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
}
