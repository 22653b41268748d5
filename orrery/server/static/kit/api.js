// Speaking with the server that the page came from, and with nobody else.
import { useEffect, useRef, useState } from "./html.js";

const BINARY = "application/x-orrery";
const ARRAYS = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array, int64: BigInt64Array };

/** An answer that is an error: `status`, `message`, and `field`, where one is to blame. */
export class ApiError extends Error {
  constructor(status, message, field) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "The studio does not answer: is `orrery studio` still running?");
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new ApiError(response.status, told.error?.message ?? response.statusText, told.error?.param);
}

const posted = (body, signal) => ({
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal,
});

/** GET -> the JSON of the answer. */
export const get = async (path, { signal } = {}) => (await ask(path, { signal })).json();

/** POST JSON -> the JSON of the answer. */
export const post = async (path, body, { signal } = {}) => (await ask(path, posted(body, signal))).json();

/** DELETE -> nothing. */
export const remove = async (path) => void (await ask(path, { method: "DELETE" }));

/**
 * One computation -> {answer, ms, shows, model}. Arrays are {shape: [...], data: a typed array}.
 */
export async function compute(name, asked, { signal } = {}) {
  const response = await ask(`/api/compute/${name}`, posted(asked, signal));
  if (!response.headers.get("Content-Type").startsWith(BINARY)) return response.json();
  return unpack(await response.arrayBuffer());
}

/** What orrery/server/studio/packing.py packs. */
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const start = Math.ceil((4 + length) / 8) * 8;
  return JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)), (_, value) => {
    const told = value?.$tensor;
    if (!told) return value;
    const size = told.shape.reduce((a, b) => a * b, 1);
    return { shape: told.shape, data: new ARRAYS[told.dtype](buffer, start + told.offset, size) };
  });
}

/**
 * POST JSON and hand over each server-sent event of the answer as it comes: `await stream(path, body, (event) => …)`.
 * Events may be split anywhere between the pieces that arrive.
 */
export async function stream(path, body, onEvent, { signal } = {}) {
  const response = await ask(path, posted(body, signal));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (!data || data === "[DONE]") continue;
      const event = JSON.parse(data);
      if (event.error) throw new ApiError(response.status, event.error.message, event.error.param);
      onEvent(event);
    }
  }
}

/**
 * A computation that follows what is asked: `const {result, error, busy} = useCompute("softmax", {logits})`.
 * The latest wins: older requests are aborted. `asked` null asks nothing.
 * `result` stays what it was until there is another, so nothing flickers.
 */
export function useCompute(name, asked) {
  const [state, setState] = useState({ result: null, error: null, busy: asked !== null });
  const key = JSON.stringify(asked);
  const running = useRef(null);
  useEffect(() => {
    if (asked === null) {
      setState((old) => (old.error ? { ...old, error: null } : old)); // it was about what was asked before
      return undefined;
    }
    const control = new AbortController();
    running.current = control;
    setState((old) => ({ ...old, busy: true }));
    compute(name, asked, { signal: control.signal }).then(
      (result) => running.current === control && setState({ result, error: null, busy: false }),
      (error) => {
        if (error.name !== "AbortError" && running.current === control) {
          setState((old) => ({ ...old, error: error.message, busy: false }));
        }
      },
    );
    return () => control.abort();
  }, [name, key]);
  return state;
}
