// The models of all runs, and choosing one of them.
import { get } from "./api.js";
import { Select } from "./controls.js";
import { short } from "./format.js";
import { html, signal, useEffect } from "./html.js";

/** All models, the newest run first; null until they are read. */
export const models = signal(null);

const FRESH = 2000; // ms for which a list need not be read again
let read = -FRESH;

/** Read them (again). */
export async function refreshModels() {
  read = performance.now();
  const found = await get("/api/models");
  if (JSON.stringify(found) !== JSON.stringify(models.value)) models.value = found;
}

/** Where they cannot be read, pages keep what they have; the next one that is opened tries again. */
const look = () => performance.now() - read >= FRESH && refreshModels().catch(() => {});

/** The models of these kinds ("base", "assistant", "reward"), as a page finds them; while there is none, it looks again. */
export function useModels(...kinds) {
  const none = !models.value?.length;
  useEffect(() => {
    look();
    if (!none) return undefined;
    const again = setInterval(() => document.hidden || look(), FRESH + 1000);
    return () => clearInterval(again);
  }, [none]);
  const all = models.value;
  return all && (kinds.length ? all.filter((model) => kinds.includes(model.kind)) : all);
}

/**
 * The name of the one to begin with: `wanted` where it is there, else the first of the newest run that came to an
 * assistant, so that a small training on the way does not take its place; else the first.
 */
export function modelOr(list, wanted) {
  if (list?.some((model) => model.name === wanted)) return wanted;
  const whole = new Set((models.value ?? []).filter((model) => model.kind === "assistant").map((model) => model.run));
  return (list?.find((model) => whole.has(model.run)) ?? list?.[0])?.name;
}

/** Of the models one. */
export function ModelPicker({ label = "Model", list, value, onInput }) {
  if (!list?.length) return html`<p class="muted small">${list ? "No model yet: a run makes them." : "Reading the models…"}</p>`;
  const text = (model) => `${model.name} · ${short(model.parameters)} parameters`;
  return html`<${Select} label=${label} value=${value} onInput=${onInput} options=${list.map((model) => [model.name, text(model)])} />`;
}
