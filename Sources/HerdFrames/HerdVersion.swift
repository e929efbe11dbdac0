/// The version of Herd: of the programs, of the client, of what HELLO and Status tell.
public enum HerdVersion {
    public static let text = "0.1.0"
}
