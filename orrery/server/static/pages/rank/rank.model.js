// Orders of answers, without the page.

/** The list with the entry at `from` moved to `to`; where there is no such place, as it was. */
export function moved(list, from, to) {
  if (to < 0 || to >= list.length || from === to) return list;
  const rest = list.toSpliced(from, 1);
  return rest.toSpliced(to, 0, list[from]);
}

/** How many pairs a ranking of so many answers teaches. */
export const pairs = (count) => (count * (count - 1)) / 2;
