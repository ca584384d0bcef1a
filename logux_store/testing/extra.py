"""Says what to install where Hypothesis is missing; what needs Hypothesis imports this first."""

try:
    import hypothesis  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "strategies, properties, machines and contracts of logux_store.testing need Hypothesis, "
        'which comes with the extra `testing`: pip install "logux-store[testing]"',
        name="hypothesis",
    ) from error
