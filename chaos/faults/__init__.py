"""All faults. Each module has a list of them."""

from ..world import Fault
from . import clients, deploys, failover, hanging, replicas

FAULTS: list[Fault] = [
    *hanging.FAULTS,
    *failover.FAULTS,
    *replicas.FAULTS,
    *deploys.FAULTS,
    *clients.FAULTS,
]
