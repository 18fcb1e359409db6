"""Many runs become one comparison: presets by seeds on one source, and a report with intervals.

The parts, in the order of a study: ``plan`` (which runs), ``side_by_side`` (processes that train
them), ``measured`` (what a run reached and cost), ``tested`` (its verdicts on test reviews),
``summary`` and ``comparisons`` (the figures), ``report`` and what it is made of. ``work`` is the
whole from first step to last.
"""
