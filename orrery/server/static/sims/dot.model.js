// The dot product of two vectors, and what it says about the angle between them.

/**
 * Two vectors -> {terms, dot, lengths, cosine, degrees, shadow}. `shadow`: how far b reaches along a, negative when it points the
 * other way. Where a vector has no length there is no angle: cosine, degrees and shadow are NaN.
 */
export function multiply(a, b) {
  const terms = a.map((value, i) => value * b[i]);
  const dot = terms.reduce((sum, term) => sum + term, 0);
  const lengths = [Math.hypot(...a), Math.hypot(...b)];
  const cosine = dot / (lengths[0] * lengths[1]);
  const degrees = (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
  return { terms, dot, lengths, cosine, degrees, shadow: dot / lengths[0] };
}

/** The point of the line through a that is nearest to the tip of b: where its shadow ends. */
export function foot(a, b) {
  const { dot, lengths } = multiply(a, b);
  return a.map((value) => (value * dot) / lengths[0] ** 2);
}
