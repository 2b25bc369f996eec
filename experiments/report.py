"""The report: one HTML page with every verdict, figure and table, readable without a network."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.criterion import Answer, Criterion, Picture, Runs, Status, Table, UnshownError
from experiments.tables import as_markdown, write_table
from experiments.targets import targets
from mpsim.plot import DPI
from mpsim.result import versions

PAGE = "report.html"
VERDICTS = "verdicts.md"
SCREEN_DPI = 130
TIERS = {
    "core": "Core",
    "extended": "Extended",
    "stretch": "Stretch",
    "performance": "Performance",
}
COLOURS = {Status.MET: "#d9f0dd", Status.FAILED: "#f8d7d2", Status.UNSHOWN: "#e7e7e7"}
STYLE = """
body { font: 15px/1.5 sans-serif; color: #1b1b1b; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; border-bottom: 1px solid #bbb; margin-top: 2.5rem; }
h3 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .8rem 0; font-size: .85rem; }
td, th { border: 1px solid #ccc; padding: .2rem .5rem; text-align: left; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; } figure img { max-width: 100%; height: auto; }
figcaption { font-size: .85rem; color: #444; }
summary { cursor: pointer; color: #225; font-size: .9rem; }
.rule { color: #444; }
@media print { details > * { display: block; } }
"""


def write_report(answers: Sequence[Answer], worlds: Sequence[str], out: Path) -> Path:
    """Write the page, its figures (PNG, PDF) and its tables (CSV) to ``out``; give the page's path."""
    sections = [_section(answer, out) for answer in answers]
    for table in targets(answers):
        write_table(out / "tables" / f"{_slug(table.caption)}.csv", table.rows)
    body = [
        "<h1>The evaluation of a multipath layer-3 proxy, reproduced</h1>",
        f"<p>{html.escape(_introduction(worlds))}</p>",
        _verdicts(answers, worlds),
        *(_table(table, opened=True) for table in targets(answers)),
        *_by_tier(answers, sections),
        "<h2>Runs that may not be believed, or failed</h2>",
        _left_out(answers),
        f"<p class=rule>{html.escape(_versions())}</p>",
    ]
    text = (
        "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'><title>mpsim: the evaluation, reproduced</title>"
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / VERDICTS).write_text(_markdown(answers, worlds), encoding="utf-8")
    draft = out / f"{PAGE}.part"
    draft.write_text(text, encoding="utf-8")
    return draft.replace(out / PAGE)


def _introduction(worlds: Sequence[str]) -> str:
    return (
        'The evaluation that the dissertation "A Multi-Path Bidirectional Layer 3 Proxy" set out to make, run in '
        + " and ".join(worlds)
        + ". Bandwidths are 1, 2, 3, 4 MBps (8, 16, 24, 32 Mbit/s), delays 10 ms one way where nothing else is said. "
        "Error bars are the inter-quartile range around the median; n is the number of believed runs. Inbound is "
        "from the server to the client, outbound the other way. Every verdict is computed by the rule beside it."
    )


def _versions() -> str:
    return "Versions: " + ", ".join(f"{name} {version}" for name, version in versions("simpy", "numpy").items())


def _verdicts(answers: Sequence[Answer], worlds: Sequence[str]) -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in ("", "Criterion", *worlds))
    rows = []
    for answer in answers:
        one = answer.criterion
        cells = "".join(_verdict_cell(answer, world) for world in worlds)
        link = f'<a href="#{one.name}">{html.escape(one.question)}</a>'
        rows.append(f"<tr><td>{one.id}</td><td>{link}</td>{cells}</tr>")
    return f"<h2>Verdicts</h2><table><tr>{head}</tr>{''.join(rows)}</table>"


def _markdown(answers: Sequence[Answer], worlds: Sequence[str]) -> str:
    rows = [
        [answer.criterion.id, answer.criterion.question, *(str(answer.verdicts[world].status) for world in worlds)]
        for answer in answers
    ]
    return as_markdown(["", "criterion", *worlds], rows) + "\n"


def _verdict_cell(answer: Answer, world: str) -> str:
    verdict = answer.verdicts[world]
    told = f"<b>{verdict.status}</b>: {html.escape(verdict.text)}"
    return f'<td style="background:{COLOURS[verdict.status]}">{told}</td>'


def _by_tier(answers: Sequence[Answer], sections: Sequence[str]) -> Iterator[str]:
    for tier, title in TIERS.items():
        some = [text for answer, text in zip(answers, sections, strict=True) if answer.criterion.tier == tier]
        if some:
            yield f"<h2>{title} criteria</h2>"
            yield from some


def _section(answer: Answer, out: Path) -> str:
    one = answer.criterion
    parts = [
        f'<h3 id="{one.name}">{one.id}. {html.escape(one.question)}</h3>',
        f"<p class=rule>Rule: {html.escape(one.rule)}</p>",
    ]
    for world, verdict in answer.verdicts.items():
        colour = COLOURS[verdict.status]
        told = f"{world}: <b>{verdict.status}</b>. {html.escape(verdict.text)}"
        parts.append(f'<p style="background:{colour};padding:.3rem .6rem">{told}</p>')
    if one.explanation:
        parts.append(f"<p>{html.escape(one.explanation)}</p>")
    shown = {
        world: runs
        for world, runs in answer.worlds.items()
        if len(runs) or answer.verdicts[world].status in {Status.MET, Status.FAILED}
    }
    if shown:
        parts += [_figure(picture, out) for picture in one.pictures(shown)]
        parts += list(_tables(one, shown, out))
    return "\n".join(parts)


def _tables(criterion: Criterion, shown: Mapping[str, Runs], out: Path) -> Iterator[str]:
    try:
        for table in criterion.tables(shown):
            write_table(out / "tables" / f"{criterion.name}-{_slug(table.caption)}.csv", table.rows)
            yield _table(table)
    except UnshownError as error:
        yield f"<p>No table: {html.escape(str(error))}.</p>"


def _figure(picture: Picture, out: Path) -> str:
    try:
        figure = picture.draw()
    except UnshownError as error:
        return f"<p>No figure ({html.escape(picture.name)}): {html.escape(str(error))}.</p>"
    folder = out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{picture.name}.png", dpi=DPI, metadata={"Software": None})
    figure.savefig(folder / f"{picture.name}.pdf", metadata={"CreationDate": None})
    bytes_ = io.BytesIO()
    figure.savefig(bytes_, format="png", dpi=SCREEN_DPI, metadata={"Software": None})
    code = base64.b64encode(bytes_.getvalue()).decode()
    caption = html.escape(picture.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{code}"><figcaption>{caption}</figcaption></figure>'
    )


def _table(table: Table, *, opened: bool = False) -> str:
    columns = list(dict.fromkeys(key for row in table.rows for key in row))
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    rows = "".join("<tr>" + "".join(_cell(row.get(column)) for column in columns) + "</tr>" for row in table.rows)
    body = f"<table><tr>{head}</tr>{rows}</table>"
    if opened:
        return f"<h2>{html.escape(table.caption)}</h2>{body}"
    return f"<details><summary>{html.escape(table.caption)}</summary>{body}</details>"


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "<td class=n>-</td>"
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, float):
        return f"<td class=n>{value:.4g}</td>"
    if isinstance(value, int):
        return f"<td class=n>{value}</td>"
    return f"<td>{html.escape(str(value))}</td>"


def _left_out(answers: Sequence[Answer]) -> str:
    rows: list[Mapping[str, Any]] = []
    for answer in answers:
        for world, runs in answer.worlds.items():
            for one in runs:
                if not one.believed:
                    told = ", ".join(f"{value}" for value in one.trial.labels.values())
                    rows.append({"criterion": answer.criterion.id, "world": world, "run": told, "why": one.why_not})
    if not rows:
        return "<p>None.</p>"
    return _table(Table(f"{len(rows)} runs, which stay out of every median", rows))


def _slug(text: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in text.lower()).split()[:4])
