"""This library and its peers, on the same work in the same run: `python -m benchmarks [NAME …]`.

A benchmark is a module here with a function `cases`, and a line in `__main__.BENCHMARKS`. What a
JavaScript peer does stands in `js/`, in a module of the same name.
"""
