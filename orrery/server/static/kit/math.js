// Formulas: KaTeX writes MathML, which the browser draws and a screen reader reads. Loaded when the first one comes near.
import { html, useEffect, useRef, useState } from "./html.js";

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
  const place = useRef(null);
  const [drawn, setDrawn] = useState(null);
  useEffect(() => {
    let here = true;
    const draw = () => load().then((katex) => here && setDrawn(katex.renderToString(tex, { output: "mathml", displayMode: block, throwOnError: false })), () => {}); // where it cannot be loaded, the TeX stays
    const near = new IntersectionObserver(([entry]) => entry.isIntersecting && (near.disconnect(), draw()), { rootMargin: "120px" });
    near.observe(place.current);
    return () => {
      here = false;
      near.disconnect();
    };
  }, [tex, block]);
  const shown = drawn ? { dangerouslySetInnerHTML: { __html: drawn } } : { children: html`<code>${tex}</code>` };
  return block ? html`<div class="tex-block" ref=${place} ...${shown}></div>` : html`<span class="tex" ref=${place} ...${shown}></span>`;
}
