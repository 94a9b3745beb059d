#!/usr/bin/env python3
"""Draws what `script/bench scaling` measured.

usage: plot_scaling.py SCALING_JSON PICTURE_PNG
"""
import json
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (after the backend is chosen)

rows = json.load(open(sys.argv[1], encoding="utf-8"))
axes = list(dict.fromkeys(row["axis"] for row in rows))
figure, plots = pyplot.subplots(1, len(axes), figsize=(4 * len(axes), 3.4), sharey=False, layout="constrained")
for plot, axis in zip(plots, axes):
    for threads in (1, 2):
        points = [row for row in rows if row["axis"] == axis and row["threads"] == threads]
        plot.plot([row["value"] for row in points], [row["tokens_per_second"] for row in points], marker="o",
                  label=f"{threads} thread" + ("s" if threads > 1 else ""))
    plot.set_xscale("log", base=2)
    values = sorted({row["value"] for row in rows if row["axis"] == axis})
    plot.set_xticks(values, [str(value) for value in values])
    plot.minorticks_off()
    plot.set_xlabel(axis)
    plot.set_ylim(bottom=0)
    plot.grid(alpha=0.3)
plots[0].set_ylabel("tokens a second")
plots[0].legend()
figure.suptitle("One distillation step of a MiniLM student (32 x 64 tokens, 6 layers where not varied)")
figure.savefig(sys.argv[2], dpi=150)
