// Embeddings over training: which letter is near which, and what kind of letter each is.

const VOWELS = "aeiou";

/** "vowel", "consonant" or "other" (BOS, signs, positions). */
export const kindOf = (name) => (VOWELS.includes(name) ? "vowel" : /^[a-z]$/.test(name) ? "consonant" : "other");

/** One state of all vectors or points: matrix {shape: [S, V, D], data} -> a view of V × D numbers. */
export function state(matrix, index) {
  const [, size, width] = matrix.shape;
  return { shape: [size, width], data: matrix.data.subarray(index * size * width, (index + 1) * size * width) };
}

/** The others by the cosine of the angle to one of the vectors, the nearest first: [{index, cosine}]. */
export function neighbours({ shape: [size, width], data }, chosen) {
  const vector = (i) => data.subarray(i * width, (i + 1) * width);
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const mine = vector(chosen);
  const cosine = (i) => dot(mine, vector(i)) / Math.sqrt(dot(mine, mine) * dot(vector(i), vector(i)));
  return Array.from({ length: size }, (_, index) => index).filter((index) => index !== chosen)
    .map((index) => ({ index, cosine: cosine(index) })).sort((a, b) => b.cosine - a.cosine);
}

/** Of the nearest of every vowel, as many as there are other vowels: the share that are vowels, 1 when all have found each other. */
export function together(vectors, names) {
  const vowels = names.map((name, i) => (kindOf(name) === "vowel" ? i : -1)).filter((i) => i >= 0);
  if (vowels.length < 2) return null;
  const most = vowels.length - 1;
  const found = vowels.map((i) => neighbours(vectors, i).slice(0, most).filter(({ index }) => vowels.includes(index)).length);
  return found.reduce((a, b) => a + b, 0) / (most * vowels.length);
}
