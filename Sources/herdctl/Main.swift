import ArgumentParser
import HerdCommands

@main
enum Main {
    static func main() async {
        ArgumentText.refuseInvalid()
        await HerdctlCommand.main()
    }
}
