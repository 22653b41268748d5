// Loss as surprise: bets on the next token against a model's, both on the same few events.

/** Surprise in nats: −ln p. What was held impossible is infinitely surprising. */
export const surprise = (p) => (p > 0 ? -Math.log(p) : Infinity);

/** Perplexity: among how many equal choices one is as unsure, on average. */
export const perplexity = (meanSurprise) => Math.exp(meanSurprise);

/** Stakes of any size -> probabilities; with nothing staked at all, everything is equal. */
export function shares(stakes) {
  const sum = stakes.reduce((a, b) => a + b, 0);
  return stakes.map((stake) => (sum > 0 ? stake / sum : 1 / stakes.length));
}

/**
 * A place of a text -> the events that are betted on: its likeliest tokens in alphabetical order, so that their order
 * says nothing, and "anything else". {options: [{id, text, p}], right: index of what came}.
 */
export function events(place) {
  const options = place.likeliest.map((id, i) => ({ id, text: place.texts[i], p: place.probabilities[i] }));
  options.sort((a, b) => (a.text < b.text ? -1 : 1));
  options.push({ id: null, text: "anything else", p: Math.max(0, 1 - place.probabilities.reduce((a, b) => a + b, 0)) });
  const found = options.findIndex((option) => option.id === place.id);
  return { options, right: found < 0 ? options.length - 1 : found };
}

/** Bets that were settled -> what they come to. `rounds`: [{mine, models, options}], surprises in nats. */
export function score(rounds) {
  const sum = (of) => rounds.reduce((total, round) => total + of(round), 0);
  return { mine: sum((round) => round.mine), models: sum((round) => round.models), blind: sum((round) => Math.log(round.options)) };
}

/** Places of a text -> its words: [{text, surprise, first}], surprises added up. */
export function words(places) {
  const found = [];
  places.forEach((place, index) => {
    found[place.word] ??= { text: "", surprise: 0, first: index };
    found[place.word].text += place.text;
    found[place.word].surprise += place.surprise;
  });
  return found;
}

/** Places of a text -> {total, mean, bits: bits per byte}. */
export function total(places, bytes) {
  const sum = places.reduce((all, place) => all + place.surprise, 0);
  return { total: sum, mean: sum / places.length, bits: sum / Math.LN2 / bytes };
}
