"""A changed mapping reaches the records it changes: those another version made are looked at again, in batches.

What comes out the same is not sent. Replicas with different files look again at each other's records for as long as
both run, an hour apart, and end with the file of those that stay.
"""

from service import currencies, mirror, outbox, telemetry
from service.config import Installation
from service.db import Database, Wakes
from service.projection import org_version

_BATCH_LIMIT = 500


class Remapper:
    """Has the records of all orgs looked at again after a change of their mapping."""

    def __init__(self, database: Database, wakes: Wakes, installation: Installation) -> None:
        self._database = database
        self._wakes = wakes
        self._installation = installation

    async def step(self) -> int:
        """Take one batch of every org; return how many records it held, 0 when all are of the present mapping."""
        taken = 0
        for org in self._installation.orgs:
            reporting = currencies.reporting_of(self._installation, org)
            async with self._database.transaction() as tx:
                book = await currencies.load(tx, org)
                version = org_version(self._installation.mappings.get(org, {}), reporting, book)
                lanes = await outbox.mapped_otherwise(tx, org=org, version=version, limit=_BATCH_LIMIT)
                if lanes:
                    entities = self._installation.entities_of(org)
                    await mirror.look_again(tx, entities=entities, lanes=sorted(set(lanes)))
                    telemetry.log().info("mapping.changed", org=org, version=version, records=len(lanes))
            taken += len(lanes)
        if taken:
            self._wakes.signal("mirror")
        return taken
