"""The benchmarks: what this machine and this code reach, for users as well as for those who write it.

Each benchmark is a module that measures and returns a `Result`; it never prints.  Rules for all of them: the limit of the
machine (signatures that it can check) is measured in the same run, figures come from clocks that the reader would hold
too, load is signed by whoever sends it and checked by whoever receives it, and what could not be measured as promised
raises `NotMeasured` instead of becoming a figure.  Networks are real processes, made by whoever calls (`Testbed`).
"""
