"""The page's one script: it turns the heads of tables into buttons that sort. Without it the page loses only that."""

SCRIPT = """
document.querySelectorAll("table").forEach(table => {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  if (body.rows.length < 2) return;
  const words = (row, i) => (row.cells[i].firstElementChild?.firstChild ?? row.cells[i].firstChild)?.textContent.trim()
    ?? "";
  const value = text => parseFloat(text.replace("\\u2212", "-").replace(/^(p\\s*)?[<=+\\s]+/, ""));
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (isNaN(x) && isNaN(y)) return a.localeCompare(b, "en", {numeric: true});
    return isNaN(x) ? 1 : isNaN(y) ? -1 : x - y;
  };
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].sort((a, b) => compare(words(a, i), words(b, i)));
      body.append(...(down ? rows.reverse() : rows));
    });
  });
});
"""
