// Simulation 20: scaling laws. Runs that the reader starts become points, a law goes through them and says what the next will reach.
import { get, post, useCompute } from "../kit/api.js";
import { Segmented, Select, Toggle, Trouble, Waiting } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { number, short, significant } from "../kit/format.js";
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { useUrlState } from "../kit/route.js";
import { kept } from "../kit/store.js";
import { useStyle } from "../kit/style.js";
import { ladder, slices } from "./scaling.model.js";
import { LawPicture, Residuals } from "./scaling.picture.js";
import { Rungs } from "./scaling.rungs.js";

const DEFAULTS = { axis: "parameters", slice: "", over: false };
const EVERY = 1500; // ms between looks at the trainings
const predictions = kept("scaling-predictions", {}); // run -> {x, y, low, high, points}

export default function Scaling() {
  const [state, setState] = useUrlState("scaling", DEFAULTS);
  const ready = useStyle("sims/scaling.css");
  const { points, running, error, start } = useTrainings();
  const axis = state.axis === "tokens" ? "tokens" : "parameters";
  const rungs = ladder(axis);
  const found = slices(points ?? [], axis);
  const slice = found.find((one) => one.key === state.slice) ?? found.find((one) => one.points.some((point) => rungs.some((rung) => rung.run === point.run))) ?? found[0];
  const shown = slice?.points ?? [];
  const sizes = new Set(shown.map((point) => point[axis]));
  const largest = Math.max(...shown.map((point) => point[axis]));
  const next = rungs.find((rung) => rung.size > 1.05 * largest)?.size ?? 2 * largest;
  const fits = sizes.size >= 3;
  const { result, error: unfit } = useCompute("scaling-law", fits ? { x: shown.map((point) => point[axis]), y: shown.map((point) => point.bits), next } : null);
  if (!ready) return null;
  const law = fits && result?.answer.residuals.length === shown.length ? result.answer : null;
  const begin = (wanted) => start(wanted, (rung) => law && { [rung.run]: { x: rung.size, ...said(law, rung, next), points: shown.length } });
  return html`
    <${Figure} title=${axis === "parameters" ? "Loss against the size of the model" : "Loss against the tokens read"} result=${law ? result : undefined}
      note=${slice ? slice.name : undefined} table=${shown.length ? tableOf(shown, axis, law) : undefined}
      caption=${"Every point is a whole run; the line is L = E + A · x to the power −α, and the band says where it may be, nine times in ten, if that form is right. " +
        "Where the law leaves over a bow and no scatter, the form is wrong, and beyond the last point nothing holds it."}
      controls=${html`<div class="row">
        <${Segmented} label="What grows" value=${axis} options=${[["parameters", "Size"], ["tokens", "Tokens"]]} onInput=${(chosen) => setState({ axis: chosen, slice: "" })} />
        ${found.length > 1 && html`<${Select} label="Runs that differ in nothing else" value=${slice.key} options=${found.map((one) => [one.key,
          `${one.name}: ${one.points.length} ${one.points.length === 1 ? "run" : "runs"}`])} onInput=${(key) => setState({ slice: key })} />`}
        ${law && html`<${Toggle} label="Draw what lies above E" value=${state.over} onInput=${(over) => setState({ over })} />`}</div>`}>
      ${points && !shown.length && html`<p class="empty">No run for a law yet: it takes runs of one recipe that differ in this alone. Train a few of those below;
        the small ones take less than a minute on two cores.</p>`}
      ${shown.length > 0 && html`<${LawPicture} points=${shown} axis=${axis} law=${law} next=${next} over=${state.over && law} />`}
      ${shown.length > 0 && html`<${Worth} law=${law} shown=${shown} sizes=${sizes.size} next=${next} largest=${largest} axis=${axis} />`}
      ${law && html`<${Residuals} points=${shown} axis=${axis} residuals=${law.residuals} next=${next} />`}
      ${(error ?? unfit) && html`<${Trouble}>${error ?? unfit}<//>`}
    <//>
    <${Rungs} rungs=${rungs} points=${points ?? []} running=${running} predictions=${predictions.value} canPredict=${fits} fitting=${fits && law === null} onStart=${begin} />`;
}

/** What a law says of a rung: with the band, where the rung is the next one. */
function said(law, rung, next) {
  const band = rung.size === next ? { low: law.next_low, high: law.next_high } : { low: null, high: null };
  return { y: law.floor + law.scale * rung.size ** -law.exponent, ...band };
}

/** What the fit is worth, in words. */
function Worth({ law, shown, sizes, next, largest, axis }) {
  const floors = shown.map((point) => point.floor).filter((floor) => floor !== null);
  const what = axis === "parameters" ? "parameters" : "tokens";
  if (!law && sizes >= 3) return html`<${Waiting} what="Fitting" />`;
  if (!law) return html`<p class="small" aria-live="polite">${sizes} ${sizes === 1 ? "size" : "sizes"}: the law has three numbers, so it takes three points to draw
  it, and four before anything can be said against it.</p>`;
  return html`
    <p class="small" aria-live="polite"><strong>L = <span class="number" data-name="floor" data-value=${law.floor}>${number(law.floor,
      3)}</span>${" + "}${significant(law.scale, 3)} · x<sup>−<span class="number" data-name="exponent" data-value=${law.exponent}>${number(law.exponent, 3)}</span>
        </sup></strong> bits per byte.
      ${law.next_low === null
        ? " Three points: the line goes through all of them, as through any three whose fall slows down. " +
          "It has nothing left over to be wrong by, so there is no band, and its prediction is worth little."
        : ` At ${short(next)} ${what} it says `}
      ${law.next_low !== null && html`<strong class="number" data-name="next" data-value=${law.next_y}>${number(law.next_y, 3)}</strong> (${number(law.next_low,
        3)} to ${number(law.next_high, 3)}).`}
      ${` That is ${number(next / largest, 1)} times the largest that was measured.`}
      ${law.floor < 1e-4 && " E came out as 0: these points still fall in a straight line and show no floor."}
      ${floors.length > 0 && ` The text itself cannot be predicted better than ${number(floors[0],
        3)}, the entropy of the choices that wrote it; E is what this ${axis === "parameters" ? "training, however large the model"
          : "model, however long it reads"}, would be left with if the law went on for ever.`}</p>`;
}

function tableOf(points, axis, law) {
  return {
    columns: ["run", axis, "bits per byte", "law", "off by, %"],
    rows: points.map((point, index) => [point.run, point[axis], point.bits, law ? point.bits / Math.exp(law.residuals[index]) : "–", law
    ? 100 * Math.expm1(law.residuals[index]) : "–"]),
  };
}

/** The runs as points, and starting more of them, one after another: {points, running, error, start}. */
function useTrainings() {
  const [points, setPoints] = useState(null);
  const [running, setRunning] = useState([]); // {run, waiting}
  const [error, setError] = useState(null);
  const queue = useRef([]);
  const ours = useRef(new Map()); // run -> job
  const here = useRef(true);
  const show = () => setRunning([...[...ours.current.keys()].map((run) => ({ run })), ...queue.current.map(({ rung }) => ({ run: rung.run, waiting: true }))]);
  const refresh = async () => here.current && setPoints(await get("/api/scaling"));
  const look = async () => {
    const jobs = await get("/api/jobs");
    if (!here.current) return;
    const before = ours.current;
    ours.current = new Map(jobs.filter((job) => job.running && job.run.startsWith("scaling-")).map((job) => [job.run, job]));
    const ended = [...before.keys()].filter((run) => !ours.current.has(run));
    if (ended.length) {
      const failed = jobs.find((job) => ended.includes(job.run) && job.error);
      if (failed) setError(`${failed.run}: ${failed.error}`);
      await refresh();
    }
    if (!ours.current.size && queue.current.length) await begin();
    show();
  };
  const begin = async () => {
    const { rung, predict } = queue.current.shift();
    predictions.value = { ...predictions.value, ...predict(rung) }; // written down before it runs
    const job = await post("/api/jobs", { command: "pretrain", values: rung.values });
    ours.current.set(rung.run, job);
  };
  const caught = (doing) => doing().catch((problem) => here.current && setError(problem.message));
  useEffect(() => {
    here.current = true;
    caught(refresh);
    caught(look);
    const timer = setInterval(() => (ours.current.size || queue.current.length) && caught(look), EVERY);
    return () => {
      here.current = false;
      clearInterval(timer);
    };
  }, []);
  const start = (rungs, predict) => {
    setError(null);
    queue.current.push(...rungs.map((rung) => ({ rung, predict })));
    show();
    caught(look);
  };
  return { points, running, error, start };
}
