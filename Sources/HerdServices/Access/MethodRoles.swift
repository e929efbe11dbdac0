import HerdMessages
import HerdServer

/// Which roles may call which method of the router. Whoever has "admin" may call every method.
enum MethodRoles {
    /// - Parameter path: a method's, or the prefix that unknown methods of a service are passed on under.
    static func router(_ path: String) -> Roles {
        switch path {
        case Admin.health.path, Admin.describe.path: .all
        case Router.route.path, Router.complete.path, Router.refine.path, Router.feedback.path,
            Access.getUsage.path:
            [.client, .admin]
        // What scorer and refiner need of the router, and each of them of the other.
        case Router.generate.path, Registry.watchModels.path, Registry.getModel.path, Registry.listModels.path,
            Refiner.refine.path, Scorer.predict.path, Admin.status.path:
            [.service, .admin]
        default: .admin
        }
    }

    /// The other services are there for the herd's processes alone.
    static func behindTheRouter(_ path: String) -> Roles { .service }
}
