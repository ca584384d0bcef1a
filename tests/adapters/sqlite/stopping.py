"""A program that is stopped in the middle of a transaction, and goes on when it is told to.

    python -m tests.adapters.sqlite.stopping FILE

It prints what is acknowledged, and what goes wrong.
"""

import asyncio
import os
import signal
import sys

from logux_adapters.sqlite import SQLiteStore, StoreError

from logux_store import Meta


def tell(*words: object) -> None:
    print(*words, flush=True)


def write(store: SQLiteStore, n: int) -> None:
    store.add({"type": "t"}, Meta(f"{n} a 0", n, ["r"]))
    store.when_durable(lambda: tell("acknowledged", n))


async def main(store: SQLiteStore) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: tell("error", context["exception"]))
    store.take_over(lambda: True, "10:a")
    write(store, 1)
    await asyncio.sleep(0)
    write(store, 2)
    os.kill(os.getpid(), signal.SIGSTOP)
    await asyncio.sleep(0)
    try:
        write(store, 3)
    except StoreError:
        tell("refused")
    store.close()
    tell("closed")


asyncio.run(main(SQLiteStore(sys.argv[1])))
