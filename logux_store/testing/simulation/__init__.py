"""A whole network of real clients and servers in one process, in virtual time, from one seed."""

from logux_store.testing.simulation.disks import Disk, MemoryDisk, SimulatedDisk
from logux_store.testing.simulation.own import SimulatedApplication
from logux_store.testing.simulation.report import simulate
from logux_store.testing.simulation.scenario import Event, Scenario, make_scenario
from logux_store.testing.simulation.shrink import shrink
from logux_store.testing.simulation.world import Result, run_scenario

__all__ = [
    "Disk",
    "Event",
    "MemoryDisk",
    "Result",
    "Scenario",
    "SimulatedApplication",
    "SimulatedDisk",
    "make_scenario",
    "run_scenario",
    "shrink",
    "simulate",
]
