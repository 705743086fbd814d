"""Terms of a training run over its steps, as Markdown: python benchmarks/training_curve.py runs/first

Prints a chart of the first term (Mermaid, which code hosts draw) and a table of all of them: means over equal
stretches of steps. Several runs are joined, for when one continued another.
"""

import argparse
import json
from pathlib import Path

TERMS = ("loss/g/diversity", "hallucination/sample_std", "loss/d_image/adv", "loss/d_gradient/adv")


def read_lines(folders) -> list:
    """(step, values) of the training lines of metrics.jsonl; each run's steps follow the last run's."""
    lines, offset = [], 0
    for folder in folders:
        for text in (Path(folder) / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
            values = json.loads(text)
            if "loss/g/total" in values:
                lines.append((offset + values["step"], values))
        offset = lines[-1][0] if lines else 0
    return lines


def means(lines, terms, stretch) -> dict:
    """{last step of a stretch: mean of each term in it}; a line stands for the steps since the last line."""
    sums, before = {}, 0
    for step, values in lines:
        end = -(-step // stretch) * stretch
        steps, totals = sums.setdefault(end, (0, [0.0] * len(terms)))
        new = [total + (step - before) * values[term] for total, term in zip(totals, terms)]
        sums[end] = steps + step - before, new
        before = step
    return {end: [total / steps for total in totals] for end, (steps, totals) in sums.items()}


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", help="folders of runs, in the order of training")
    parser.add_argument("--stretch", type=int, default=1000, help="steps per mean (default: 1000)")
    parser.add_argument("--terms", nargs="+", default=TERMS, help="names in metrics.jsonl")
    options = parser.parse_args()
    rows = means(read_lines(options.runs), options.terms, options.stretch)

    print("```mermaid\nxychart-beta")
    print(f'  x-axis "step" [{", ".join(map(str, rows))}]')
    print(f'  y-axis "{options.terms[0]}"')
    print(f"  line [{', '.join(f'{row[0]:.4g}' for row in rows.values())}]\n```\n")
    print(f"| to step | {' | '.join(options.terms)} |\n|---|{'---|' * len(options.terms)}")
    for end, row in rows.items():
        print(f"| {end:,} | {' | '.join(f'{value:.3g}' for value in row)} |")


if __name__ == "__main__":
    main()
