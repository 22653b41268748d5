// Formulas: KaTeX writes MathML, which the browser draws and a screen reader reads. Loaded with the first formula.
import { html, useEffect, useState } from "./html.js";

let loading = null;

function load() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/static/vendor/katex.js";
    script.onload = () => resolve(window.katex);
    script.onerror = () => reject(new Error("the formulas cannot be loaded"));
    document.head.append(script);
  });
  return loading;
}

/** A formula in TeX: `<${Tex}>\\frac{dy}{dx}<//>` (String.raw helps), `block` on a line of its own. */
export function Tex({ children, block = false }) {
  const tex = Array.isArray(children) ? children.join("") : children;
  const [drawn, setDrawn] = useState(null);
  useEffect(() => {
    let here = true;
    load().then((katex) => here && setDrawn(katex.renderToString(tex, { output: "mathml", displayMode: block, throwOnError: false })));
    return () => {
      here = false;
    };
  }, [tex, block]);
  const shown = drawn ? { dangerouslySetInnerHTML: { __html: drawn } } : { children: html`<code>${tex}</code>` };
  return block ? html`<div class="tex-block" ...${shown}></div>` : html`<span class="tex" ...${shown}></span>`;
}
