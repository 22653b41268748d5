// What every component is written with: HTML in template strings, Preact's hooks, signals.
import htm from "htm";
import { Fragment, h, render } from "preact";

export { Fragment, render };
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { batch, computed, effect, signal, useComputed, useSignal, useSignalEffect } from "@preact/signals";

/** HTML as a template string, with components as `<${Slider} label="…" />`. */
export const html = htm.bind(h);

/** Class names from words and conditions: `names("chip", on && "on")`. */
export const names = (...all) => all.filter(Boolean).join(" ");
