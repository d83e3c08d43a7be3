"""The page's one style sheet."""

STYLE = """
:root{color-scheme:light dark;--paper:#fbfbf9;--card:#fff;--ink:#1b1f24;--muted:#5b6470;--line:#dcdfe3;
--before:#b8620b;--after:#0b7285;--good:#177644;--good-soft:#e3f4ea;--bad:#c0271f;--bad-soft:#fdeae8;--open:#5b6470;
  --open-soft:#eceef1}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--card:#1c2024;--ink:#e8eaed;--muted:#9aa4af;--line:#343a41;
--before:#f0a04b;--after:#4cc3d6;--good:#5fce93;--good-soft:#17301f;--bad:#ff7b72;--bad-soft:#3a1a18;--open:#aab4bf;
  --open-soft:#2a3036}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--paper);color:var(--ink);
  font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
header,main,footer{max-width:1120px;margin:0 auto;padding:0 12px}
header{padding-top:28px}
h1{font-size:1.35rem;line-height:1.25;margin:0 0 10px;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:0 0 10px;line-height:1.3}
h3{font-size:1rem;margin:18px 0 6px}
p{margin:0 0 12px;max-width:75ch}
.eyebrow,.note,figcaption,.counts,.label,.muted,small{color:var(--muted)}
.eyebrow{margin:0 0 2px;font-size:.875rem}
.note,figcaption{font-size:.875rem}
nav ul{display:flex;flex-wrap:wrap;gap:6px 18px;list-style:none;margin:0 0 18px;padding:0;font-size:.9rem}
a{color:var(--after)}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px 14px;margin:0 0 14px;
  min-width:0}
.verdict{font-size:1.15rem;line-height:1.45;font-weight:600;max-width:none;border-left:5px solid var(--open);
  padding-left:14px;overflow-wrap:anywhere}
.verdict.good{border-color:var(--good)}
.verdict.bad{border-color:var(--bad)}
.lead{font-weight:600}
.forced{background:var(--bad-soft);color:var(--bad);border:2px solid var(--bad);border-radius:8px;padding:10px 14px;
  font-weight:700;max-width:none}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,145px),1fr));gap:12px;list-style:none;
  padding:0;margin:16px 0 8px}
.tiles li{border:1px solid var(--line);border-radius:10px;padding:10px;display:flex;flex-direction:column;
  gap:2px}
.label,.counts{font-size:.85rem}
.number{font-size:clamp(.93rem,.65rem + 1.1vw,1.4rem);font-weight:700;
  font-variant-numeric:tabular-nums;white-space:nowrap}
.pair{display:grid;grid-template-columns:minmax(0,1fr);gap:20px;align-items:start}
.pair>*{min-width:0}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,310px),1fr));gap:20px}
@media (min-width:900px){section{padding:24px 28px}.tiles li{padding:12px 14px}
  .tiles{grid-template-columns:repeat(auto-fit,minmax(230px,1fr))}
  .pair{grid-template-columns:minmax(0,5fr) minmax(0,8fr)}
  .verdict{font-size:1.25rem}}
figure{margin:0 0 8px;min-width:0}
figure svg{display:block;width:100%;height:auto;max-width:560px}
svg *{stroke-linejoin:round;stroke-linecap:butt}
svg text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif!important}
.grid figure{display:flex;flex-direction:column-reverse;justify-content:flex-end}
.grid figcaption{color:var(--ink);font-weight:600;margin-bottom:4px}
.scroll{overflow-x:auto;margin:0 0 14px;-webkit-overflow-scrolling:touch}
.scroll:focus-visible,pre:focus-visible{outline:2px solid var(--after);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:0 0 6px}
th,td{text-align:left;padding:6px 10px 6px 0;border-bottom:1px solid var(--line);vertical-align:top;
  white-space:nowrap}
thead th{color:var(--muted);font-weight:500;font-size:.82rem}
tbody th{font-weight:500;white-space:normal;min-width:6.5em}
td small,tbody th small{font-weight:400;display:block;line-height:1.3}
.badge{display:inline-block;border-radius:99px;padding:1px 9px;font-size:.8rem;font-weight:600;
  background:var(--open-soft);color:var(--open)}
.badge.improved{background:var(--good-soft);color:var(--good)}
.badge.regressed{background:var(--bad-soft);color:var(--bad)}
.swatch{display:inline-block;width:.85em;height:.85em;border-radius:3px;margin-right:8px;vertical-align:-1px}
.track{display:block;min-width:48px;height:.7em;margin-top:.45em;border-radius:4px;background:var(--open-soft)}
.bar{display:block;height:100%;border-radius:4px;background:var(--after)}
.strip{display:grid;grid-template-columns:1fr 1fr;gap:8px;list-style:none;
  padding:0;margin:0 0 6px}
@media (min-width:620px){.strip{grid-template-columns:repeat(4,1fr)}}
.strip img{display:block;width:100%;height:auto;border-radius:6px;background:var(--open-soft)}
.strip span{font-size:.8rem;color:var(--muted);font-variant-numeric:tabular-nums}
dl{margin:0 0 16px}
dt{font-weight:600}
dd{margin:0 0 6px}
pre{overflow-x:auto;background:var(--open-soft);border-radius:8px;padding:10px 12px;font-size:.85rem;margin:0 0 14px}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.digest{font-size:.8rem;white-space:normal;overflow-wrap:anywhere}
details{margin:12px 0}
summary{cursor:pointer;font-weight:600;padding:4px 0}
footer{color:var(--muted);font-size:.85rem;padding-bottom:32px}
.skip{position:absolute;left:-999px;background:var(--card);padding:8px 12px;z-index:1}
.skip:focus{left:8px;top:8px}
main:focus{outline:0}
a:focus-visible,summary:focus-visible,button:focus-visible{outline:2px solid var(--after);outline-offset:2px}
th button{font:inherit;color:inherit;background:none;border:0;padding:2px 0;cursor:pointer;text-align:left}
th button::after{content:"\\2195";opacity:.55;margin-left:.3em}
th[aria-sort=ascending] button::after{content:"\\2191";opacity:1}
th[aria-sort=descending] button::after{content:"\\2193";opacity:1}
.heat{display:block;border-radius:6px;padding:4px 8px;font-weight:600;print-color-adjust:exact;
  background:color-mix(in srgb,var(--good) var(--share),var(--card))}
.heat.worse{background:color-mix(in srgb,var(--bad) var(--share),var(--card))}
.heat small{color:var(--ink)}
.heat.few{outline:1px dashed var(--muted);outline-offset:-1px;font-weight:400}
.sides{display:grid;grid-template-columns:minmax(0,1fr);gap:14px}
@media (min-width:900px){.sides:has(figure+figure){grid-template-columns:repeat(2,minmax(0,1fr))}}
@media print{:root{color-scheme:light;--paper:#fbfbf9;--card:#fff;--ink:#1b1f24;--muted:#5b6470;--line:#dcdfe3;
--before:#b8620b;--after:#0b7285;--good:#177644;--good-soft:#e3f4ea;--bad:#c0271f;--bad-soft:#fdeae8;--open:#5b6470;
  --open-soft:#eceef1}
body{font-size:12px}section{border:0;padding:0}figure,tr,h2,h3{break-inside:avoid}h2,h3{break-after:avoid}
nav,.skip{display:none}.scroll{overflow:visible}th,td{white-space:normal}th button::after{content:""}
pre{white-space:pre-wrap;overflow-wrap:anywhere}
#grid th,#grid td{font-size:8px;padding:2px 3px}#grid small{font-size:6.5px}
details:not(#grid details)::details-content{content-visibility:visible;display:block}}
"""
