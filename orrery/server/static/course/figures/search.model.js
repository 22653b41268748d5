// Tables of numbers for the chapter on numbers as programs. The first rows are given, the others are what comes next.

/** name -> {title, values}: the table's y for x = 1, 2, … */
export const TABLES = {
  odd: { title: "odd numbers", values: [3, 5, 7, 9, 11, 13, 15, 17] },
  squares: { title: "squares", values: [1, 4, 9, 16, 25, 36, 49, 64] },
  triangles: { title: "triangles", values: [1, 3, 6, 10, 15, 21, 28, 36] },
  wheel: { title: "a wheel of three", values: [11, 12, 10, 11, 12, 10, 11, 12] },
  pi: { title: "digits of π", values: [3, 1, 4, 1, 5, 9, 2, 6] },
};

/** What is asked of the search: the first `given` rows, and the rest as what comes next. */
export function question(name, given) {
  const { values } = TABLES[name];
  const x = values.map((_, index) => index + 1);
  return { x: x.slice(0, given), y: values.slice(0, given), next: x.slice(given) };
}

/** How many of the withheld rows a rule gets right. */
export const rightBeyond = (rule, name, given) => rule.next.filter((value, index) => value === TABLES[name].values[given + index]).length;
