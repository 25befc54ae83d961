"""Who may grade its next row: all runs share one capacity, and none waits for another to end."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

_Waiting = tuple[int, "asyncio.Future[None]"]


@dataclass(slots=True, eq=False)
class Share:
    """What one run holds of the capacity, and who of it waits. `served` is when it last got something."""

    tenant: str
    held: int = 0
    served: int = 0
    waiting: deque[_Waiting] = field(default_factory=deque)


class Turns:
    """Gives to the tenant that holds the least, and there to the run that holds the least; then to who waited longest.

    Turns are given out once for each round of the event loop: rows that are graded without a pause
    leave room for requests after each `capacity` of them.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = capacity
        self._shares: set[Share] = set()
        self._tenants: dict[str, int] = {}
        self._count = 0
        self._dealing = False

    async def take(self, share: Share, weight: int = 1) -> int:
        """Wait for `weight` parts of the capacity, or all of it; returns what must be given back."""
        weight = min(weight, self.capacity)
        given = asyncio.get_running_loop().create_future()
        share.waiting.append((weight, given))
        self._shares.add(share)
        self._deal_soon()
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():
                self.give_back(share, weight)
            elif (weight, given) in share.waiting:  # or it was passed over already
                share.waiting.remove((weight, given))
            raise
        return weight

    def give_back(self, share: Share, weight: int) -> None:
        """What `take` returned."""
        self._free += weight
        share.held -= weight
        self._tenants[share.tenant] -= weight
        self._deal_soon()

    def _deal_soon(self) -> None:
        if not self._dealing:
            self._dealing = True
            asyncio.get_running_loop().call_soon(self._deal)

    def _deal(self) -> None:
        self._dealing = False
        while self._free > 0:
            waiting = [share for share in self._shares if share.waiting]
            if not waiting:
                self._shares = {share for share in self._shares if share.held}
                return
            share = min(
                waiting,
                key=lambda share: (self._tenants.get(share.tenant, 0), share.held, share.served),
            )
            if share.waiting[0][0] > self._free:
                return  # nobody overtakes a heavy one, or it would wait for ever
            self._give(share)

    def _give(self, share: Share) -> None:
        weight, given = share.waiting.popleft()
        if given.cancelled():
            return
        self._free -= weight
        share.held += weight
        self._tenants[share.tenant] = self._tenants.get(share.tenant, 0) + weight
        self._count += 1
        share.served = self._count
        given.set_result(None)
