extension StandardError {
    static func print(_ text: String) { write(text + "\n") }
}
