"""Looks and comfort of a page: its style sheet, and a script without which it only jumps less."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light; --ink: #101828; --soft: #667085; --line: #e4e7ec; --bad: #d92d20; --good: #067647; --cut: #b54708; }
* { box-sizing: border-box; }
body { margin: 0; background: #f6f7f9; color: var(--ink); font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, section { margin: 16px 24px; }
h1 { font-size: 20px; margin: 0 0 2px; font-weight: 650; letter-spacing: -.01em; }
h2 { font-size: 12px; margin: 0 0 8px; color: var(--soft); font-weight: 600; }
.card { background: #fff; border: 1px solid var(--line); border-radius: 10px; padding: 14px 18px; }
.verdict { display: inline-block; font-weight: 600; border-radius: 99px; padding: 1px 12px; margin-left: 10px;
  font-size: 14px; vertical-align: 2px; }
.verdict.good { background: #dcfae6; color: var(--good); }
.verdict.bad { background: #fee4e2; color: var(--bad); }
.facts { display: flex; flex-wrap: wrap; gap: 4px 28px; margin: 10px 0; }
.facts div { display: flex; flex-direction: column; }
.facts b { font-size: 17px; font-weight: 600; font-variant-numeric: tabular-nums; }
.facts span, .quiet { color: var(--soft); font-size: 12px; }
code, pre { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.command { background: #f2f4f7; border-radius: 6px; padding: 6px 10px; display: block; overflow-x: auto; white-space: pre; }
.trace { color: var(--soft); overflow-wrap: anywhere; }
.chips { display: flex; flex-wrap: wrap; gap: 6px; list-style: none; margin: 0; padding: 0; }
.chips li { border: 1px solid var(--line); border-radius: 99px; padding: 0 10px; font-size: 12.5px; background: #fff; }
.chips li b { font-weight: 600; font-variant-numeric: tabular-nums; margin-left: 4px; }
.chips li.never { color: #98a2b3; border-style: dashed; }
.violations { border-color: #fda29b; }
.violations h2 { color: var(--bad); }
.violations ol { margin: 0; padding-left: 22px; max-height: 12.5em; overflow: auto; }
.violations code { white-space: pre-wrap; overflow-wrap: anywhere; color: var(--bad); }
.note { background: #fffaeb; border-color: #fedf89; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 16px; }
.legend { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 4px 20px; list-style: none;
  margin: 0; padding: 0; }
.legend li { display: flex; gap: 8px; align-items: center; font-size: 12.5px; }
.legend svg { flex: none; }
.jumps button { font: inherit; font-size: 12.5px; border: 1px solid var(--line); border-radius: 6px; background: #fff;
  padding: 1px 10px; cursor: pointer; }
.jumps button:hover { background: #f2f4f7; }
.frame { display: flex; margin: 0 24px 24px; background: #fff; border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
.names { flex: none; background: #fcfcfd; border-right: 1px solid var(--line); }
.chart { overflow-x: auto; flex: 1; }
.chart:focus-visible { outline: 2px solid #84adff; outline-offset: -2px; }
svg text { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--soft); }
svg .lane { text-anchor: end; }
svg .nodename { text-anchor: end; fill: var(--ink); font-size: 12px; }
svg .slotname.strong { fill: var(--ink); font-weight: 600; }
svg .edge { stroke: #f0f1f4; fill: none; } svg .edge.strong { stroke: #d5d9e0; }
svg .row { stroke: #e9ebef; fill: none; }
svg .slot { opacity: .17; }
svg .down { fill: url(#down); opacity: .8; }
svg .vote, svg .certified, svg .confirm { fill: none; stroke-width: 2; } svg .certified { stroke-width: 1.6; }
svg .final { stroke: none; }
svg .boxed.unfinal { fill: #fff; stroke-width: 1.6; stroke-dasharray: 3 2.5; }
svg .chain { stroke: #98a2b3; stroke-width: 1.4; fill: none; }
svg .height { text-anchor: middle; fill: #fff; font-weight: 600; font-size: 11px; pointer-events: none; }
svg .height.unfinal { fill: #475467; font-weight: 500; }
svg .late { font-weight: 400; font-size: 9px; opacity: .9; }
svg .finalheight { fill: none; stroke: #067647; stroke-width: 1.8; } svg .lag { fill: #d92d20; opacity: .13; }
svg .floor { stroke: var(--line); } svg .reached { text-anchor: end; fill: #067647; font-size: 10px; }
svg .cut { fill: #fef0c7; stroke: #f79009; fill-opacity: .8; } svg .cutname { fill: var(--cut); pointer-events: none; }
svg .heal { stroke: #067647; stroke-width: 2; stroke-dasharray: 6 4; fill: none; } svg .healed { fill: #067647;
  opacity: .035; pointer-events: none; }
svg .crash { stroke: var(--bad); stroke-width: 2.6; fill: none; stroke-linecap: round; }
svg .start { fill: #1570ef; }
svg .clock { fill: #fff; stroke: #6941c6; stroke-width: 1.5; }
svg .byzantine { fill: #c11574; }
svg .contradiction { fill: #f79009; stroke: #7a2e0e; stroke-width: .8; }
svg .violated { fill: var(--bad); opacity: .2; }
svg .guilty { fill: none; stroke: var(--bad); stroke-width: 2.4; }
svg .picture *:hover { filter: brightness(.85); }
@media print { .jumps { display: none; } .chart { overflow: visible; } }
"""

SCRIPT = """
for (const button of document.querySelectorAll("[data-x]")) {
  button.addEventListener("click", () => {
    const chart = document.querySelector(".chart");
    chart.scrollTo({ left: Number(button.dataset.x) - chart.clientWidth / 2, behavior: "smooth" });
  });
}
document.querySelector(".jumps").hidden = false;
"""
