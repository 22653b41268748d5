// The runs as the pages see them: the list, and one run with its numbers and texts, kept up to date by the stream.
import { get, post } from "../kit/api.js";
import { watch } from "../kit/events.js";
import { html, names, signal, useEffect, useMemo } from "../kit/html.js";
import { models, refreshModels } from "../kit/models.js";
import { kept } from "../kit/store.js";
import { addEvent, dropAfter, emptyTable } from "./metrics.model.js";

const OTHERS = "sample,status,alarm";
const AGAIN = 2000; // ms after which a studio that did not answer is asked again

/** All runs, the newest first; null until they are read. */
export const runs = signal(null);

function takeRuns({ runs: changed, gone, whole }) {
  const found = new Map((whole ? [] : (runs.value ?? [])).map((run) => [run.name, run]));
  const done = (run) => (run ? run.stages.filter((stage) => stage.state === "finished").length : 0);
  const ended = changed.some((run) => done(run) > done(runs.value?.find((old) => old.name === run.name)));
  for (const name of gone) found.delete(name);
  for (const run of changed) found.set(run.name, run);
  runs.value = [...found.values()].sort((a, b) => (a.created < b.created ? 1 : -1));
  if (ended && !whole && models.value) refreshModels().catch(() => {}); // stages have become models
}

/** The list, watched while a component that wants it is shown. */
export function useRuns() {
  useEffect(() => {
    users += 1;
    if (users === 1) end = watch("runs", takeRuns);
    return () => {
      users -= 1;
      if (users === 0) end();
    };
  }, []);
  return runs.value;
}
let users = 0;
let end = null;

/** One run: `stages` (name -> table), `samples`, `alarms`, `detail`; `version` changes with each of them. */
class RunStore {
  constructor(name) {
    this.name = name;
    this.version = signal(0);
    this.error = signal(null);
    this.clear();
  }

  clear() {
    this.seq = -1;
    this.others = -1; // of the last event that is no metric
    this.stages = {};
    this.began = {}; // stage -> values of its last beginning
    this.samples = [];
    this.alarms = [];
    this.detail = null;
  }

  async load() {
    const path = `/api/runs/${encodeURIComponent(this.name)}`;
    const [history, others, detail] = await Promise.all([get(`${path}/metrics`), get(`${path}/events?kinds=${OTHERS}`), get(path)]);
    this.clear();
    this.seq = history.seq;
    this.stages = history.stages;
    for (const event of others) this.takeOther(event);
    this.detail = detail;
    this.error.value = null;
    this.version.value += 1;
  }

  /** A message of the stream. Events that the history had already are left out. */
  take(message) {
    if (message.problem) this.error.value = message.problem;
    if (message.reset) return void this.load().catch((error) => { this.error.value = error.message; });
    for (const event of message.events ?? []) {
      if (event.kind !== "metric") {
        if (event.seq > this.others) this.takeOther(event);
      } else if (event.seq > this.seq) addEvent((this.stages[event.stage] ??= emptyTable()), event);
      this.seq = Math.max(this.seq, event.seq);
    }
    this.version.value += 1;
  }

  takeOther(event) {
    this.others = event.seq;
    const { stage, kind, values } = event;
    if (kind === "sample") this.samples.push(event);
    else if (kind === "alarm") this.alarms.push(event);
    else if ("from_step" in values) {
      this.began[stage] = values;
      const again = (old) => old.stage === stage && old.step > values.from_step;
      this.samples = this.samples.filter((old) => !again(old));
      this.alarms = this.alarms.filter((old) => !again(old));
      if (event.seq > this.seq && this.stages[stage]) dropAfter(this.stages[stage], values.from_step); // the history has done it
    } else if (["finished", "done", "stopped", "interrupted", "failed"].includes(values.status)) {
      if (event.seq > this.seq) this.refreshDetail();
    }
  }

  async refreshDetail() {
    this.detail = await get(`/api/runs/${encodeURIComponent(this.name)}`).catch(() => this.detail);
    this.version.value += 1;
  }
}

/** A run by its name, loaded and then watched: reading `.version.value` draws again when something comes. */
export function useRun(name) {
  const store = useMemo(() => (name ? new RunStore(name) : null), [name]);
  useEffect(() => {
    if (!store) return undefined;
    let stop = () => {};
    let here = true;
    let again = 0;
    const begin = () => store.load().then(
      () => { if (here) stop = watch(`run:${name}`, (message) => store.take(message), () => store.seq); },
      (error) => {
        store.error.value = error.message;
        if (here && error.status === 0) again = setTimeout(begin, AGAIN);
      },
    );
    begin();
    return () => {
      here = false;
      clearTimeout(again);
      stop();
    };
  }, [store]);
  void store?.version.value;
  return store;
}

const colours = kept("run-colours", {});

/** The colour of a run, 1 to 8: the same on every page, today and tomorrow. */
export function colourOf(name) {
  if (colours.value[name]) return colours.value[name];
  const next = (Object.keys(colours.peek()).length % 8) + 1;
  colours.value = { ...colours.peek(), [name]: next };
  return next;
}

/** What a person can tell a run. */
export const tell = {
  stop: (name, atOnce = false) => post(`/api/runs/${encodeURIComponent(name)}/stop`, { at_once: atOnce }),
  resume: (name) => post(`/api/runs/${encodeURIComponent(name)}/resume`, {}),
  learningRate: (name, factor) => post(`/api/runs/${encodeURIComponent(name)}/learning-rate`, { factor }),
};

/** A state in words, with a dot. */
export const State = ({ state }) => html`<span class=${names("state", state.replace(" ", "-"))}>${state}</span>`;
