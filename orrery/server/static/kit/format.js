// Numbers, sizes and times as text. Digits have one width everywhere (CSS), so columns line up.

const MINUS = "−";

/** A number with so many digits after the point, with a real minus: number(-0.5, 2) = "−0.50". */
export function number(value, digits = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  return value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", MINUS);
}

/** A number with so many significant digits, in powers of ten only where it must be. */
export function significant(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return number(value);
  const size = Math.floor(Math.log10(Math.abs(value)));
  if (size < -4 || size > 6) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${mantissa}×10${superscript(Number(exponent))}`.replace("-", MINUS);
  }
  return number(value, Math.max(0, digits - 1 - size));
}

const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** A whole number in superscript digits: superscript(-12) = "⁻¹²". */
export const superscript = (value) => [...String(value)].map((sign) => SUPERSCRIPTS[sign]).join("");

/** A whole number with separators: 4,192. */
export const integer = (value) => (value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en-US"));

/** A share as a percentage: percent(0.123) = "12.3%". */
export const percent = (share, digits = 1) => (share > 0 && share < 10 ** -(digits + 2) / 2 ? `<${number(10 ** -digits, digits)}%` : `${number(100 * share, digits)}%`);

/** Three digits and a letter: 124M. */
export function short(value) {
  for (const [letter, size] of [["T", 1e12], ["B", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))}${letter}`;
  }
  return String(Number(Number(value).toPrecision(3)));
}

/** A number beside an axis, as short as it can be: 0.2, 125, 20k. */
export function axisNumber(value) {
  if (Math.abs(value) >= 1e4) return short(value).replace("-", MINUS);
  const text = significant(value, 4);
  return /[.].*0$/.test(text) && !text.includes("×") ? text.replace(/[.]?0+$/, "") : text;
}

/** Seconds as people say them: 42 s, 3:05, 2:10:00. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const two = (value) => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** How long ago: "just now", "5 minutes ago", or the day. `time` in seconds since 1970. */
export function ago(time, now = Date.now() / 1000) {
  const minutes = Math.floor((now - time) / 60);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} minute${minutes === 1 ? "" : "s"} ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} hour${hours === 1 ? "" : "s"} ago`;
  return new Date(1000 * time).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

const GLYPHS = { " ": "·", "\n": "↵", "\t": "→", "\r": "␍" };

/** A text in which what cannot be seen can: space ·, newline ↵, tab →. */
export const visible = (text) => [...text].map((sign) => GLYPHS[sign] ?? sign).join("");
