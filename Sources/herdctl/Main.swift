import ArgumentParser
import HerdCommands

@main
enum Main {
    static func main() async {
        await HerdctlCommand.main()
    }
}
