import HerdStore

/// Where the router's store is: in a folder that is named, or in the folder `router` of it, as `herdd all` has it.
enum RouterFolder {
    /// For a start: the folder `router` in it where only that holds a store, so that the token that was made there before
    /// the first start guards the router.
    static func of(_ folder: String) -> String {
        let inner = folder + "/router"
        return !StoreVerification.isStore(folder) && StoreVerification.isStore(inner) ? inner : folder
    }

    /// For a first token: the folder itself only where it holds a store.
    static func ofToken(_ folder: String) -> String {
        StoreVerification.isStore(folder) ? folder : folder + "/router"
    }
}
