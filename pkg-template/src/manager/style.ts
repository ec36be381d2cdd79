/** How the storage manager looks; `--strongroom-*` properties and parts change it. */
const CSS = `
:host { display: block; color-scheme: light dark; container-type: inline-size; font: 1rem/1.5 system-ui, sans-serif;
  --_text: var(--strongroom-text, light-dark(#1c2128, #e6e9ee)); --_muted: var(--strongroom-muted, light-dark(#57606a, #a4adb8));
  --_surface: var(--strongroom-surface, light-dark(#ffffff, #191d23)); --_border: var(--strongroom-border, light-dark(#d0d7de, #3a424d));
  --_accent: var(--strongroom-accent, light-dark(#0b5cad, #6cb2ff)); --_on-accent: var(--strongroom-on-accent, light-dark(#ffffff, #0b1016));
  --_danger: var(--strongroom-danger, light-dark(#b3261e, #ff9a92)); --_radius: var(--strongroom-radius, 8px); color: var(--_text); }
* { box-sizing: border-box; }
section { background: var(--_surface); border: 1px solid var(--_border); border-radius: var(--_radius); padding: 1rem; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 0 0 .5rem; } p { margin: .5rem 0; } .muted { color: var(--_muted); }
button, input, select { font: inherit; color: inherit; background: var(--_surface); border: 1px solid var(--_border);
  border-radius: calc(var(--_radius) / 1.5); padding: .35rem .75rem; max-width: 100%; min-height: 2.25rem; }
button { cursor: pointer; } button:disabled { opacity: .55; cursor: default; }
button.main { background: var(--_accent); color: var(--_on-accent); border-color: var(--_accent); }
input[type=number] { width: 6rem; } input[type=checkbox] { min-height: 0; }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; }
.row { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; margin: .5rem 0; }
label { display: inline-grid; grid-template-columns: minmax(0, 1fr); gap: .2rem; max-width: 100%; } label.inline { display: inline-flex; align-items: center; }
.bars { display: grid; gap: .35rem; margin: .75rem 0; padding: 0; list-style: none; }
.bars li { display: grid; grid-template-columns: 9rem 1fr 5.5rem; gap: .5rem; align-items: center; overflow-wrap: anywhere; }
.bar { background: var(--_accent); height: .8rem; border-radius: 4px; min-width: 2px; } .bars span:last-child { text-align: end; }
.works { list-style: none; margin: 0; padding: 0; } .works label { display: grid; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
caption { text-align: start; color: var(--_muted); } th, td { text-align: start; padding: .35rem .5rem; border-bottom: 1px solid var(--_border); font-weight: 400; }
thead th { font-weight: 600; } progress { width: 100%; accent-color: var(--_accent); }
.alert, .confirm { border: 1px solid var(--_border); border-inline-start: 4px solid var(--_accent); border-radius: var(--_radius); padding: .5rem .75rem; margin: .5rem 0; }
.alert { display: flex; gap: .75rem; justify-content: space-between; align-items: start; background: var(--_surface); border-inline-start-color: var(--_danger); overflow-wrap: anywhere; white-space: pre-line; }
input[type=file] { width: 100%; }
.drop { border: 2px dashed var(--_border); border-radius: var(--_radius); padding: .75rem; } .drop.over { border-color: var(--_accent); }
@container (max-width: 30rem) { section { padding: .75rem; } .bars li { grid-template-columns: 1fr auto; } .bars .track { grid-row: 2; grid-column: 1 / -1; } }
`;

/** The sheet, made once for all elements of a page. */
export function sheet(): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(CSS);
  return made;
}
