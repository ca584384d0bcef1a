"""Clients that come and go: `python -m benchmarks.churn --cycles 100000`.

Each connects, logs in, subscribes and disconnects. Afterwards the server must not have more in
memory than before; it is looked at after every tenth of the cycles.
"""

import argparse

from benchmarks.served import TRANSPORTS, ours

AT_ONCE = 20


def main() -> None:
    """Prints a line for each tenth; the first one warms up."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.churn", description=__doc__)
    parser.add_argument("--cycles", type=int, default=100_000)
    parser.add_argument("--transport", choices=TRANSPORTS, default=TRANSPORTS[0])
    options = parser.parse_args()
    cycles = options.cycles
    with ours(options.transport) as served:
        first = 0
        for tenth in range(1, 11):
            rate = served.load("cycle", count=cycles // 10, atOnce=AT_ONCE).figure
            now = served.resident_bytes()
            first = first or now
            print(
                f"{cycles // 10 * tenth:9,} cycles, {rate:6,.0f} a second: "
                f"{now / 1e6:7.2f} MB, {(now - first) / 1e6:+.2f} MB since the first tenth",
                flush=True,
            )


if __name__ == "__main__":
    main()
