// From what the engine measured to the option that is right.
import { entropy } from "./temperature.model.js";

/** Between which bounds a count lies: among(3, [1, 4, 9]) = 1, the second range. */
export const among = (count, bounds) => {
  const found = bounds.findIndex((bound) => count <= bound);
  return found < 0 ? bounds.length : found;
};

/** Two distributions -> {right, before, after}: 0 where the second is more open, 1 where it is less, 2 where they differ by `same` at most. */
export function cooler(first, second, same = 0) {
  const [before, after] = [entropy(first), entropy(second)];
  return { right: Math.abs(after - before) <= same ? 2 : after > before ? 0 : 1, before, after };
}

/** Two texts' ids -> 0 where they are the same, 1 where they differ from the first token on, 2 where they part later. */
export function written(one, two) {
  const parting = one.findIndex((id, i) => id !== two[i]);
  if (parting < 0 && one.length === two.length) return 0;
  return parting === 0 ? 1 : 2;
}

/** 0 where `second` is clearly less than `first`, 1 where they are within a tenth, 2 where it is more. */
export const less = (second, first) => (Math.abs(second - first) <= 0.1 * first ? 1 : second < first ? 0 : 2);

/** Mean surprise of the tokens of `name` where it stands first in a text, and where it stands last. */
export function mean(places, name) {
  const text = places.map((place) => place.text).join("");
  const of = (start) => {
    let end = 0;
    const inside = places.filter((place) => {
      const from = end;
      end += place.text.length;
      return from >= start && end <= start + name.length;
    });
    return inside.reduce((sum, place) => sum + place.surprise, 0) / inside.length;
  };
  return [of(text.indexOf(name)), of(text.lastIndexOf(name))];
}
