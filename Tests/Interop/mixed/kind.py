"""What the kinds of calls in the load have in common."""

from herd_client import CallFailed


class Kind:
    #: Seconds between two, for those that are much work.
    pause = 0.0
    #: How much longer than the others they pause where the load has a pause.
    rarity = 1

    def __init__(self, client, journal, chance, tag: str, options):
        self.client, self.journal, self.chance, self.tag, self.options = client, journal, chance, tag, options
        self.number = 0

    def once(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.client.close()

    def name(self) -> str:
        """A new name, or one of the few that are used again."""
        self.number += 1
        return f"{self.tag}-{self.number % self.options.keys if self.options.keys else self.number}"

    def write(self, kind: str, key: str, value, call, allowed=lambda failure: False):
        """Makes a call that is in the journal before and after; what it gives besides the reply goes there, too. None where
        it fails in a way that is allowed."""
        number = self.journal.begin(kind, key, value)
        try:
            reply, result = call()
        except CallFailed as failure:
            self.journal.failed(number, failure)
            if not failure.goaway and allowed(failure):
                return None
            raise
        except BaseException as failure:
            self.journal.failed(number, repr(failure))
            raise
        self.journal.ok(number, **result)
        return reply

    def call(self, method: str, request, reply_type, timeout: float = 30):
        return self.client.call(f"herd.v1.{method}", request, reply_type, timeout=timeout)

    def stream(self, client, method: str, request, message_type, timeout: float = 60) -> list:
        return client.finish(client.start(f"herd.v1.{method}", request, timeout=timeout), message_type=message_type)
