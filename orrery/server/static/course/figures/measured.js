// What the ledger has measured, as the course shows it: kept in /static/measured, cut from docs/ledger.
import { get } from "../../kit/api.js";
import { html, useEffect, useState } from "../../kit/html.js";
import { href } from "../../kit/route.js";

const reading = new Map();

/** {name, claim, verdict, machine, measured: {seed: numbers}, rows: {seed: […]}} of a claim; null until it is read. */
export function useMeasured(name) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    let here = true;
    if (!reading.has(name)) reading.set(name, get(`/static/measured/${name}.json`));
    reading.get(name).then((value) => here && setFound(value), () => reading.delete(name));
    return () => {
      here = false;
    };
  }, [name]);
  return found;
}

/** The mean of a number over the seeds. */
export function mean(measured, name) {
  const values = Object.values(measured.measured).map((seed) => seed[name]);
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** Where measured numbers come from, and the command that measures them again. */
export const MeasuredBadge = ({ of }) => html`
  <p class="badge"><span>measured, not computed now: <a href=${href(`ledger/${of.name}`)}>ledger, ${of.name}</a></span>
    <span>${Object.keys(of.measured).length} seeds</span><span>${of.machine}</span><span><code>orrery ledger ${of.name}</code></span></p>`;
