/** Style of the report page: light and dark by the reader's setting, light on paper. Contrasts of text are at least 4.5 to 1 (WCAG 2.2, 1.4.3). */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #fff; --panel: #f3f5f7; --edge: #d0d7de; --link: #0550ae;
  --bar: #2f6fd0; --crit: #1b1f24; --found: #9ab8e6; --failed: #c62828; --open: #8a929b; --wait: #b26a00; --wait-back: #ffe2b0;
  --good: #116329; --good-back: #d7f5de; --warn: #7a4b00; --warn-back: #ffeccc; --bad: #a40e26; --bad-back: #ffdfe1; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #a3adb8; --paper: #0f1419; --panel: #1a2129; --edge: #38424d; --link: #79b8ff;
  --bar: #4c8df0; --crit: #e6edf3; --found: #33507f; --failed: #f0565c; --open: #6e7883; --wait: #f0b04a; --wait-back: #4a3714;
  --good: #7ee2a0; --good-back: #12351f; --warn: #f7cc7f; --warn-back: #40300d; --bad: #ffa3a9; --bad-back: #4b1519; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem clamp(.75rem, 3vw, 2rem) 3rem; max-width: 72rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: .2rem 0 .5rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin: 2rem 0 .6rem; border-bottom: 1px solid var(--edge); }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; } h4, details h3 { font-size: .9rem; margin: .9rem 0 .3rem; } p { margin: .4rem 0; }
a { color: var(--link); } :focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -999px; } .skip:focus { left: .5rem; top: .5rem; background: var(--paper); padding: .3rem .6rem; }
.kind { color: var(--soft); margin: 0; } .rto { font-size: 1.05rem; } .why { color: var(--bad); } .note, .took, footer { color: var(--soft); font-size: .87rem; }
.badge { display: inline-block; padding: .05rem .5rem; border-radius: .7rem; font-size: .8rem; font-weight: 600; vertical-align: middle; background: var(--panel); }
h1 .badge { font-size: .95rem; } .good { color: var(--good); background: var(--good-back); } .warn { color: var(--warn); background: var(--warn-back); }
.bad { color: var(--bad); background: var(--bad-back); }
dl { margin: .5rem 0; display: grid; gap: .15rem 1rem; } dl div { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: .75rem; }
dt { color: var(--soft); } dd { margin: 0; } dd ul, dd p { margin: 0; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; padding: .5rem 0; margin: .6rem 0 0; border-top: 1px solid var(--edge); }
code, pre { font: .85em/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; } .digest { overflow-wrap: anywhere; }
pre { background: var(--panel); padding: .6rem .8rem; border-radius: .4rem; white-space: pre-wrap; max-height: 30rem; overflow: auto; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--edge); vertical-align: top; } th { color: var(--soft); font-weight: 600; }
th, td { overflow-wrap: break-word; } td code { overflow-wrap: anywhere; } td .digest { display: inline-block; min-width: 12rem; }
details { margin: .25rem 0; } summary { cursor: pointer; padding: .25rem 0; } details.step, details.decision { border: 1px solid var(--edge); border-radius: .4rem; padding: .1rem .7rem; }
details.step .what { color: var(--soft); } details.step:target { border-color: var(--link); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; margin: .3rem 0 .6rem; font-size: .87rem; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--ink); } svg.timeline { display: block; overflow: visible; }
.bar { fill: var(--bar); } .found { fill: var(--found); } .failed { fill: var(--failed); } .open { fill: var(--open); } .pause { fill: var(--paper); fill-opacity: .6; }
.legend .pause { fill: var(--bar); fill-opacity: .4; } .wait { fill: url(#hatch); stroke: var(--wait); stroke-width: 1; } .hatch-back { fill: var(--wait-back); }
.hatch-line { stroke: var(--wait); stroke-width: 3; } .tick { stroke: var(--edge); stroke-width: 1; } svg .tick-text { fill: var(--soft); font-size: 11px; }
.resume { stroke: var(--warn); stroke-width: 2; stroke-dasharray: 5 3; } svg .resume-text { fill: var(--warn); font-size: 11px; }
.resume-key { color: var(--warn); font-weight: 600; } .break { fill: var(--panel); stroke: var(--edge); stroke-dasharray: 2 3; } .try { stroke: var(--ink); stroke-width: 2; } .failure { stroke: var(--failed); stroke-width: 3; }
.row { text-decoration: none; } .row .back { fill: transparent; } .row:hover .back, .row:focus-visible .back { fill: var(--panel); }
.row:focus-visible { outline: none; } .row:focus-visible .back { stroke: var(--link); stroke-width: 2; }
.row .times { display: none; } .row:hover .times, .row:focus-visible .times { display: inline; } .row:hover .name, .row:focus-visible .name { display: none; }
.row .took { fill: var(--soft); } .critical .name { font-weight: 700; } .critical .bar { stroke: var(--crit); stroke-width: 2; } .critical .took { font-weight: 400; }
.objective { border-radius: 7px; margin: .3rem 0; } .objective .back { fill: var(--panel); } .limit { stroke: var(--ink); stroke-width: 3; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--edge); padding-top: .6rem; }
@media (max-width: 40rem) { dl div { grid-template-columns: 1fr; gap: 0; } dl { gap: .45rem; } body { font-size: 14px; } }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --paper: #fff; --panel: #f3f5f7; --edge: #bbb; --link: #000; --bar: #2f6fd0; --crit: #000; --found: #9ab8e6;
  --failed: #c62828; --open: #8a929b; --wait: #b26a00; --wait-back: #ffe2b0; --good: #116329; --good-back: #d7f5de; --warn: #7a4b00; --warn-back: #ffeccc; --bad: #a40e26;
  --bad-back: #ffdfe1; }
  body { max-width: none; padding: 0; font-size: 10.5pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; } nav, .skip { display: none; }
  pre { max-height: none; } h2, h3, h4, summary { break-after: avoid; } tr, .row { break-inside: avoid; } details::details-content { display: block; content-visibility: visible; } }
`;
