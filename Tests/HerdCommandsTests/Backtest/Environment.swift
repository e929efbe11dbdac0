import Glibc

func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}

func isReadable(_ path: String) -> Bool {
    access(path, R_OK) == 0
}
