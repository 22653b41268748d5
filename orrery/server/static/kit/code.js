// The package's own Python, read from its source by name, and a drawer for it that any page can open.
import { get } from "./api.js";
import { html, signal, useEffect, useRef, useState } from "./html.js";
import { Trouble, Waiting } from "./controls.js";
import { route } from "./route.js";

const KEYWORDS = new Set("and as assert async await break class continue def del elif else except finally for from global if import in is lambda match case not or pass raise return try while with yield True False None self".split(" "));
const PARTS = /("""[\s\S]*?"""|'''[\s\S]*?'''|[rbf]*"(?:\\.|[^"\\\n])*"|[rbf]*'(?:\\.|[^'\\\n])*')|(#[^\n]*)|(\b\d[\d_.]*(?:e-?\d+)?\b)|(\b[A-Za-z_]\w*\b)|([\s\S])/g;

/** Python as spans: strings, comments, numbers and keywords have classes. */
export function highlight(text) {
  const spans = [];
  let plain = "";
  const flush = () => {
    if (plain) spans.push(plain);
    plain = "";
  };
  for (const [all, string, comment, digits, word] of text.matchAll(PARTS)) {
    const kind = string ? "string" : comment ? "comment" : digits ? "number" : KEYWORDS.has(word) ? "keyword" : null;
    if (!kind) plain += all;
    else {
      flush();
      spans.push(html`<span class=${`py-${kind}`}>${all}</span>`);
    }
  }
  flush();
  return spans;
}

/** A method's text as if it stood alone. */
function dedent(text) {
  const space = text.match(/^ */)[0];
  return text.split("\n").map((line) => (line.startsWith(space) ? line.slice(space.length) : line)).join("\n");
}

const sources = new Map();

/** A piece of the package's source: `<${Source} name="orrery.scratch.microgpt.softmax" />`. */
export function Source({ name }) {
  const [state, setState] = useState({});
  useEffect(() => {
    let here = true;
    if (!sources.has(name)) sources.set(name, get(`/api/source?name=${encodeURIComponent(name)}`));
    sources.get(name).then(
      (source) => here && setState({ source }),
      (error) => {
        sources.delete(name);
        if (here) setState({ error: error.message });
      },
    );
    return () => {
      here = false;
    };
  }, [name]);
  const { source, error } = state;
  if (error) return html`<${Trouble}>${error}<//>`;
  if (!source) return html`<div class="source-wait"><${Waiting} what="Reading the source" /></div>`;
  return html`
    <figure class="source">
      <figcaption><span>${source.file}</span> <span class="muted">from line ${source.line}</span></figcaption>
      <pre tabindex="0" aria-label=${`Source of ${name}`}><code>${highlight(dedent(source.text))}</code></pre>
    </figure>`;
}

const shown = signal(null);

/** Open the drawer on a piece of source. */
export const showSource = (name) => {
  shown.value = name;
};

/** The drawer; the shell has one. */
export function SourceDrawer() {
  const dialog = useRef(null);
  const name = shown.value;
  const here = route.value.parts.join("/");
  useEffect(() => {
    if (name) dialog.current.showModal();
  }, [name]);
  useEffect(() => dialog.current.close(), [here]); // it is about what was on the page before
  const close = () => {
    shown.value = null;
  };
  return html`
    <dialog class="drawer" ref=${dialog} onClose=${close} aria-label="Python source"
      onClick=${(event) => event.target === dialog.current && dialog.current.close()}>
      ${name && html`
        <header><h2>The Python that made it</h2>
          <button type="button" class="button quiet" onClick=${() => dialog.current.close()}>Close</button></header>
        <${Source} name=${name} />`}
    </dialog>`;
}
