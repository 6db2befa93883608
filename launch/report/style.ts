// The page's style: one calm column, system type, colours that hold in light and dark.

export const style = `
:root { color-scheme: light dark; --paper: #fff; --panel: #f6f7f9; --ink: #16191d; --quiet: #555d66; --line: #d5dae0; --grid: #e8ebef;
  --bar: #2f6fb3; --good: #1a7340; --bad: #b3261e; --unknown: #6a5a00; --accent: #1f5fa8; --band: #2f6fb322; --gap: #e8ebef; --input: #6b4fa0; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --panel: #1c2024; --ink: #e8eaed; --quiet: #a4adb6; --line: #3a4149; --grid: #272c32;
  --bar: #6aa7e8; --good: #6cc68d; --bad: #ff8a80; --unknown: #d9c25a; --accent: #8bbcf2; --band: #6aa7e82e; --gap: #23282d; --input: #b59be6; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
header, main, footer { max-width: 1140px; margin: 0 auto; padding: 0 16px; }
header { padding-top: 28px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 44px 0 10px; letter-spacing: -0.005em; }
h3 { font-size: 16px; margin: 26px 0 2px; }
h4 { font-size: 14px; margin: 0; font-weight: 600; }
p { margin: 4px 0 10px; max-width: 76ch; }
.quiet, figcaption, caption { color: var(--quiet); }
.mono { font-family: ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, monospace; font-size: 0.9em; overflow-wrap: anywhere; }
nav ul { display: flex; flex-wrap: wrap; gap: 2px 16px; list-style: none; padding: 0; margin: 18px 0 0; font-size: 14px; }
a { color: var(--accent); text-underline-offset: 2px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.verdicts { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); }
.verdicts li { display: grid; grid-template-columns: 26px 8.5em 1fr; align-items: baseline; padding: 7px 4px; border-bottom: 1px solid var(--line); }
.verdicts .sign { font-weight: 700; } .verdicts .word { font-weight: 600; }
.good .sign, .good .word { color: var(--good); } .bad .sign, .bad .word { color: var(--bad); } .unknown .sign, .unknown .word { color: var(--unknown); }
.scroll { overflow-x: auto; margin: 6px 0 16px; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; min-width: min(100%, 36rem); }
caption { text-align: left; padding: 4px 0; font-size: 13.5px; }
th, td { padding: 5px 14px 5px 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: baseline; }
thead th { white-space: normal; font-weight: 600; color: var(--quiet); font-size: 13px; vertical-align: bottom; }
tbody th { font-weight: 600; white-space: nowrap; }
td.wide { min-width: 17em; } .number { text-align: right; } td.number { white-space: nowrap; } th:last-child, td:last-child { padding-right: 4px; }
td .bad, .bad-text { color: var(--bad); font-weight: 600; }
.three { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 310px), 1fr)); gap: 14px 26px; margin: 10px 0 4px; }
figure { margin: 0; min-width: 0; }
.histogram { display: block; width: 100%; max-width: 420px; height: auto; }
svg text { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.axis { fill: var(--quiet); } .grid { stroke: var(--grid); } .base { stroke: var(--line); }
.bar { fill: var(--bar); } .bar.over { fill: var(--bad); } .mark { fill: var(--ink); }
line.limit { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 4 3; } text.limit { fill: var(--bad); font-weight: 600; }
.percentiles { font-size: 13px; min-width: min(100%, 310px); } .percentiles caption { font-size: 13px; }
@media (min-width: 720px) { .three figcaption { min-height: 3em; } } .percentiles th, .percentiles td { padding: 3px 10px 3px 0; }
.kind { display: block; font-weight: 400; font-size: 12.5px; color: var(--quiet); }
.tools { display: flex; flex-wrap: wrap; gap: 6px; margin: 8px 0; }
button { font: inherit; font-size: 14px; min-height: 36px; padding: 4px 12px; color: var(--ink); background: var(--panel); border: 1px solid var(--line); border-radius: 6px; cursor: pointer; }
button:hover:enabled { border-color: var(--accent); } button:disabled { opacity: 0.45; cursor: default; }
#timeline { display: block; width: 100%; touch-action: pan-y; cursor: grab; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; }
#timeline-range, #timeline-detail { display: block; font-size: 14px; font-variant-numeric: tabular-nums; min-height: 1.5em; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; list-style: none; margin: 8px 0; padding: 0; font-size: 13px; color: var(--quiet); }
.legend svg { width: 26px; height: 14px; vertical-align: -2px; margin-right: 5px; }
.chart { margin: 4px 0 14px; min-width: 0; overflow: hidden; } .uplot, .uplot *, .uplot *::before, .uplot *::after { box-sizing: border-box; }
.uplot { font-family: inherit !important; } .u-legend { font-size: 13px; text-align: left !important; color: var(--quiet); } .u-legend td, .u-legend th { border: 0; }
.u-select { background: var(--band) !important; }
kbd { font: inherit; font-size: 0.88em; border: 1px solid var(--line); border-radius: 4px; padding: 0 5px; background: var(--panel); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 6px 0 16px; } dt { color: var(--quiet); } dd { margin: 0; }
details { margin: 6px 0; } summary { cursor: pointer; padding: 4px 0; }
footer { color: var(--quiet); font-size: 13.5px; margin-top: 48px; padding-bottom: 40px; border-top: 1px solid var(--line); padding-top: 12px; }
.skip { position: absolute; left: -999px; } .skip:focus { left: 12px; top: 8px; background: var(--paper); padding: 6px 10px; z-index: 9; }
@media (max-width: 560px) { .verdicts li { grid-template-columns: 22px 1fr; } .verdicts .word { font-size: 13px; } .verdicts .what { grid-column: 2; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 8px; } h2 { margin-top: 34px; } }
@media print { .tools, nav { display: none; } }
`;
