// Sorts and filters the table of instances. Without it, all of them are there, in the order of what happens to them.
(() => {
  "use strict";
  const LIMIT = 200; // so many rows at once, so that 10,000 stay quick
  const table = document.querySelector("table.instances");
  if (!table) return;
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const [find, show, sort, shown, all] = ["find", "show", "sort", "shown", "all"].map((id) => document.getElementById(id));
  const more = all.parentElement;
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  const entries = [...body.rows].map((row, place) => ({
    row,
    place,
    text: [...row.cells].map((cell) => cell.textContent).join("\n").toLowerCase(),
    marks: (row.dataset.marks || "").split(" "),
  }));
  let unlimited = false;

  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { row, text, marks } of entries) {
      const fits = words.every((word) => text.includes(word)) && (!show.value || marks.includes(show.value));
      if (fits) found += 1;
      row.hidden = !fits || (found > LIMIT && !unlimited);
    }
    const number = (count) => count.toLocaleString("en");
    const visible = unlimited ? found : Math.min(found, LIMIT);
    shown.value = visible < found ? `the first ${number(visible)} of ${number(found)}` : `${number(found)} of ${number(entries.length)}`;
    more.hidden = visible === found;
    all.textContent = `Show all ${number(found)}`;
  }

  // `column` is "" for the order in which they came.
  function order(column, falling) {
    const key = ({ row }) => row.cells[column].textContent;
    if (column === "") entries.sort((one, other) => one.place - other.place);
    else {
      const keyed = entries.map((entry) => ({ entry, key: key(entry) }));
      keyed.sort((one, other) => {
        const by = compare(one.key, other.key);
        return (falling ? -by : by) || one.entry.place - other.entry.place;
      });
      entries.splice(0, entries.length, ...keyed.map(({ entry }) => entry));
    }
    heads.forEach((head, index) => {
      if (String(index) === column) head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    sort.value = column;
    body.append(...entries.map(({ row }) => row));
    filter();
  }

  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => order(String(index), head.getAttribute("aria-sort") === "ascending"));
    head.replaceChildren(button);
    sort.append(new Option(button.textContent, String(index)));
  });
  sort.addEventListener("change", () => order(sort.value, false));
  find.addEventListener("input", filter);
  show.addEventListener("change", filter);
  all.addEventListener("click", () => {
    unlimited = true;
    filter();
  });
  for (const link of document.querySelectorAll("a[data-show]")) {
    link.addEventListener("click", () => {
      find.value = "";
      show.value = link.dataset.show;
      filter();
    });
  }
  document.querySelector(".tools").hidden = false;
  filter();
})();
