// Byte-pair encoding on the page: the words of a text with the first k merges of a vocabulary, and which chips meet.

/** "68 65" -> [104, 101]. */
export const bytesOf = (hex) => hex.split(" ").map((byte) => parseInt(byte, 16));

/** Ranks of learnt tokens, by their bytes: [{bytes: "68 65"}, …] -> Map("68 65" -> 256, …). */
export const ranksOf = (learnt) => new Map(learnt.map((token, index) => [token.bytes, 256 + index]));

const hexOf = (byte) => byte.toString(16).padStart(2, "0");

/** A word as the tokens that the first `merges` of the ranks make of it: the pair of lowest rank first. -> ["68 65", …] */
export function encodeWord(word, ranks, merges) {
  const parts = [...new TextEncoder().encode(word)].map(hexOf);
  for (;;) {
    let best = 256 + merges;
    let place = -1;
    for (let i = 0; i + 1 < parts.length; i += 1) {
      const rank = ranks.get(`${parts[i]} ${parts[i + 1]}`);
      if (rank !== undefined && rank < best) [best, place] = [rank, i];
    }
    if (place < 0) return parts;
    parts.splice(place, 2, `${parts[place]} ${parts[place + 1]}`);
  }
}

/** Tokens as chips of whole characters: [{ids, text}], with several ids where only together they make one. */
export function chipsOf(parts, ranks) {
  const chips = [];
  let bytes = [];
  let ids = [];
  for (const part of parts) {
    bytes.push(...bytesOf(part));
    ids.push(ranks.get(part) ?? parseInt(part, 16));
    try {
      chips.push({ ids, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes)) });
      [bytes, ids] = [[], []];
    } catch {
      // the character goes on in the next token
    }
  }
  return chips;
}

/** Where each chip lies in the text: [[start, end), …] in bytes. */
export function spansOf({ tokens, chips, bytes }) {
  return chips.map((chip) => [tokens[chip.first].start, tokens[chip.first + chip.count]?.start ?? bytes]);
}

/** Which of the spans share a byte with this one -> their indices. */
export const meeting = (spans, span) => spans.flatMap(([start, end], index) => (span && start < span[1] && end > span[0] ? [index] : []));
